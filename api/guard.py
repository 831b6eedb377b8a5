"""Stands before every route: who calls, may they, and have they had their share?

A key comes in the Authorization header, or stands behind a browser's cookie. Without `require_keys` a service on
loopback takes whoever calls from this machine for its one local project. What a browser asks for on behalf of a page
from elsewhere is refused (api/origins.py).
"""

from __future__ import annotations

import structlog
from flask import Flask, Response, g, request

from api.access import ROUTES, Access, check_complete
from api.browser_sessions import COOKIE, digest, is_csrf_token_of
from api.callers import Caller, local_caller
from api.origins import is_harmless, is_local, refuse_foreign_pages, refuse_rebound_names
from api.request_ids import current_request_id
from api.services import services
from shared.errors import Forbidden, TooManyRequests, Unauthorized

_log = structlog.get_logger(__name__)


def register(app: Flask) -> None:
    """Guard all routes; call it once all are there."""
    check_complete(app)
    app.before_request(_admit)
    app.after_request(_tell_share)


def _admit() -> None:
    if request.endpoint is None:
        return  # no such route, whoever asks
    needed = ROUTES.get(request.endpoint)
    if needed is Access.OPEN:
        return
    caller = g.caller = _identify()
    structlog.contextvars.bind_contextvars(project=caller.project, key_id=caller.key_id)
    if caller.key_id is not None:
        _take_share(caller.key_id)
    if needed is not Access.ANY_KEY and needed not in caller.scopes:
        raise Forbidden(f"This call needs a key with the scope {needed}.", code="scope_missing", scope=needed)


def _identify() -> Caller:
    header = request.headers.get("Authorization")
    if header is not None:
        return _of_key(header)
    if not services().settings.keys_required and is_local():
        refuse_rebound_names()
        if not is_harmless():
            refuse_foreign_pages("http")
        return local_caller(current_request_id())
    token = request.cookies.get(COOKIE)
    if token is not None:
        return _of_cookie(token)
    raise Unauthorized("This call needs an API key: Authorization: Bearer KEY.", code="key_missing")


def _of_key(header: str) -> Caller:
    scheme, _, text = header.partition(" ")
    keyring = services().keyring
    key = keyring.find(text.strip()) if scheme.lower() == "bearer" else None
    if key is None:
        keyring.note_refusal(text.strip(), request_id=current_request_id())
        _log.warning("key_refused")
        raise Unauthorized("This is no API key that holds.", code="key_invalid")
    return Caller(key.project, key.scopes, key_id=key.id, request_id=current_request_id())


def _of_cookie(token: str) -> Caller:
    """Whoever signed this browser in; it sends the cookie for any page, so a change must show that it is ours."""
    key_id = services().browser_sessions.key_of(token)
    key = services().keyring.holding(key_id) if key_id is not None else None
    if key is None:
        raise Unauthorized("This browser is signed in no longer; sign in again.", code="session_ended")
    if not is_harmless():
        refuse_forged(token)
    return Caller(key.project, key.scopes, key_id=key.id, request_id=current_request_id(), session=digest(token))


def refuse_forged(token: str) -> None:
    """Forbidden where a change is asked for by another site's page, or without the token that only ours can read."""
    # A proxy that speaks https for us is not seen from here.
    refuse_foreign_pages("http", "https")
    sent = request.headers.get("X-CSRF-Token")
    if sent is None:
        raise Forbidden("Send the csrf_token of GET /v1/session as X-CSRF-Token.", code="csrf_token_missing")
    if not is_csrf_token_of(token, sent):
        raise Forbidden("The X-CSRF-Token is not that of this session.", code="csrf_token_wrong")


def _take_share(key_id: str) -> None:
    share = g.share = services().buckets.take(key_id)
    if not share.granted:
        raise TooManyRequests(
            f"A key may make {share.per_s} requests a second, and {share.burst} at once after a quiet time.",
            limit="max_requests_per_s",
            value=share.per_s,
            retry_after_s=share.retry_after_s,
        )


def _tell_share(response: Response) -> Response:
    if "share" in g:
        response.headers.update(g.share.headers())
    return response
