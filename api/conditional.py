"""ETags on every JSON document and picture, so that a poll of what has not changed costs a line (RFC 9110)."""

from __future__ import annotations

from http import HTTPStatus

from flask import Flask, Response, request


def register(app: Flask) -> None:
    """Answer conditional GETs with 304."""
    app.after_request(_make_conditional)


def _make_conditional(response: Response) -> Response:
    settled = response.status_code == HTTPStatus.OK and not response.is_streamed
    if request.method in {"GET", "HEAD"} and settled and request.path.startswith("/v1/"):
        response.add_etag()
        if not response.cache_control.max_age:
            response.cache_control.no_cache = True  # keep it, but ask before using it
            response.cache_control.private = True
        response.make_conditional(request)
    return response
