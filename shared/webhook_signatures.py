"""Signs what webhooks send and verifies it, as Standard Webhooks 1.0.0 says; the standard library alone.

The signature is HMAC-SHA256 over `ID.TIMESTAMP.BODY`. The timestamp is that of the attempt, so that a request that
somebody recorded is refused once it is old; the id stays the same over all attempts, so that a receiver can tell them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
_PREFIX, _VERSION = "whsec_", "v1"
# The specification asks for 24 to 64.
_SECRET_BYTES = 32
# Of a time in seconds; of longer ones Python makes no number, or one that it cannot compare.
_MOST_DIGITS = 12


class InvalidSignature(ValueError):
    """A request to a receiver was not sent by the holder of the secret, was altered, or is too old."""


def new_secret() -> str:
    """A secret of 256 random bits as the specification writes it: `whsec_` and base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signed_headers(secret: str, *, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of one attempt; `timestamp` in seconds since 1970."""
    signature = _signature(secret, message_id=message_id, timestamp=str(timestamp), body=body)
    return {ID: message_id, TIMESTAMP: str(timestamp), SIGNATURE: f"{_VERSION},{signature}"}


def verify_webhook(
    secret: str, headers: Mapping[str, str], body: bytes, *, tolerance_s: float = 300, now: float | None = None
) -> dict[str, Any]:
    """The payload of a request that a receiver got, once it is known to come from the service.

    `secret` is what making the webhook answered, `headers` are the request's by any spelling, `body` its bytes as they
    came. `now` is in seconds since 1970, by default the current time. Raises InvalidSignature.
    """
    found = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, timestamp, signatures = found[ID], found[TIMESTAMP], found[SIGNATURE]
    except KeyError as error:
        raise InvalidSignature(f"the header {error.args[0]} is missing") from error
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _MOST_DIGITS):
        raise InvalidSignature("webhook-timestamp is no number of seconds")
    if abs((time.time() if now is None else now) - int(timestamp)) > tolerance_s:
        raise InvalidSignature("webhook-timestamp is too far from the current time")
    expected = f"{_VERSION},{_signature(secret, message_id=message_id, timestamp=timestamp, body=body)}".encode()
    # The header may hold several, for a secret that is being replaced.
    if not any(hmac.compare_digest(expected, given.encode(errors="replace")) for given in signatures.split()):
        raise InvalidSignature("no signature fits")
    try:
        payload: dict[str, Any] = json.loads(body)
    except ValueError as error:
        raise InvalidSignature("the body is no JSON") from error
    return payload


def _signature(secret: str, *, message_id: str, timestamp: str, body: bytes) -> str:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise InvalidSignature("the secret is none: whsec_ and base64") from error
    content = f"{message_id}.{timestamp}.".encode(errors="replace") + body
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
