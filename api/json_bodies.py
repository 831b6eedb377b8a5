"""A bound on bodies that are read whole: all but a submission's, which is counted as it streams."""

from __future__ import annotations

from flask import Flask, request

from api.services import services
from shared.errors import LimitExceeded

_STREAMED = "batches.submit"


def register(app: Flask) -> None:
    """Bound the body of every request that is no submission."""
    app.before_request(_bound)


def _bound() -> None:
    if request.endpoint == _STREAMED:
        return
    most = services().settings.max_json_bytes
    # One byte more is read of a body that does not say its length, which tells that it is too large.
    request.max_content_length = most + 1
    check_length(request.content_length or 0, most=most)


def check_length(size_bytes: int, *, most: int) -> None:
    """LimitExceeded for a body of more than `most` bytes."""
    if size_bytes > most:
        raise LimitExceeded(f"The body has more than max_json_bytes = {most}.", limit="max_json_bytes", value=most)
