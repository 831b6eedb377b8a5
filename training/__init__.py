"""Training and measuring the networks; uses the worker's own preprocessing and inference."""
