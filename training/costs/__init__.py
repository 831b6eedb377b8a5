"""What networks cost: operations, bytes, time, memory."""
