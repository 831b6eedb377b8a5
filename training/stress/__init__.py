"""What an accuracy does not say: what it may rest on, and what it survives."""
