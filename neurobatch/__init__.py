"""What a user imports and types: the HTTP client and the command `neurobatch`."""

from neurobatch.client import Client, RequestRefused
from shared.webhook_signatures import InvalidSignature, verify_webhook

__all__ = ["Client", "InvalidSignature", "RequestRefused", "verify_webhook"]
