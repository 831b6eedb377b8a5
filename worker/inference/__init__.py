"""A scan's bytes to its explained prediction: pure functions, no queue, no database, no settings."""
