"""The vocabulary that the API and the workers both speak."""
