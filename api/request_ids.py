"""Gives every request an id, in its answer, its problem document and every log line about it."""

from __future__ import annotations

import time

import structlog
from flask import Flask, Response, g, request

from shared.db.base import new_id

_log = structlog.get_logger(__name__)


def register(app: Flask) -> None:
    """Bind an id before each request, and those in its path; send it back and log the request after.

    They are unbound when the last byte was sent: what the same thread logs next is of another client.
    """
    app.before_request(_begin)
    app.after_request(_finish)


def current_request_id() -> str | None:
    """The id of the request in hand."""
    request_id: str | None = g.get("request_id")
    return request_id


def _begin() -> None:
    g.request_id = str(new_id())
    g.request_started = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    named = {name: str(value) for name, value in (request.view_args or {}).items() if name.endswith("_id")}
    structlog.contextvars.bind_contextvars(request_id=g.request_id, **named)


def _finish(response: Response) -> Response:
    if "request_id" not in g:
        return response
    response.headers["X-Request-ID"] = g.request_id
    _log.info(
        "request",
        method=request.method,
        route=request.url_rule.rule if request.url_rule else None,
        status=response.status_code,
        duration_ms=round((time.perf_counter() - g.request_started) * 1000, 1),
    )
    response.call_on_close(structlog.contextvars.clear_contextvars)
    return response
