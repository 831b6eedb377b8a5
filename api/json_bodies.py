"""A bound on bodies that are read whole: all but a submission's, which is counted as it streams."""

from __future__ import annotations

from typing import Any

from flask import Flask, Request, request

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
    _check(request.content_length or 0, most=most)
    # Of a body that does not say its length one byte more is read, which tells that it is too large.
    request.max_content_length = most + 1


class BoundedRequest(Request):
    """A request whose body is counted as it is read, too: its length need not be told."""

    def get_data(self, *args: Any, **options: Any) -> Any:
        """As Flask's; LimitExceeded for a body that turns out too large."""
        data = super().get_data(*args, **options)
        if self.endpoint != _STREAMED:
            _check(len(data), most=services().settings.max_json_bytes)
        return data


def _check(size_bytes: int, *, most: int) -> None:
    if size_bytes > most:
        raise LimitExceeded(f"The body has more than max_json_bytes = {most}.", limit="max_json_bytes", value=most)
