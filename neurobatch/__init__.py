"""What a user imports and types: the HTTP client and the command `neurobatch`."""

from neurobatch.client import Client, RequestRefused

__all__ = ["Client", "RequestRefused"]
