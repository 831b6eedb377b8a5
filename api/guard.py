"""Stands before every route: who calls, may they, and have they had their share?

Without `require_keys` a service on loopback takes whoever calls from this machine for its one local project. That a
browser here calls for a page from elsewhere is refused: by the Host header, which a rebound DNS name betrays, and by
what the browser says of where a changing request comes from.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, g, request

from api.access import ROUTES, Access, check_complete
from api.callers import Caller, local_caller
from api.request_ids import current_request_id
from api.services import services
from shared.errors import Forbidden, Misdirected, TooManyRequests, Unauthorized
from shared.settings import is_loopback

_log = structlog.get_logger(__name__)
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
_OF_PROXIES = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host")


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
    if services().settings.keys_required or not _is_local():
        raise Unauthorized("This call needs an API key: Authorization: Bearer KEY.", code="key_missing")
    _refuse_foreign_pages()
    return local_caller(current_request_id())


def _of_key(header: str) -> Caller:
    scheme, _, text = header.partition(" ")
    keyring = services().keyring
    key = keyring.find(text.strip()) if scheme.lower() == "bearer" else None
    if key is None:
        keyring.note_refusal(text.strip(), request_id=current_request_id())
        _log.warning("key_refused")
        raise Unauthorized("This is no API key that holds.", code="key_invalid")
    return Caller(key.project, key.scopes, key_id=key.id, request_id=current_request_id())


def _is_local() -> bool:
    """Whether the request was made on this machine, whatever the server was bound to; a proxy's was made elsewhere."""
    proxied = any(name in request.headers for name in _OF_PROXIES)
    return not proxied and is_loopback(request.remote_addr or "unknown")


def _refuse_foreign_pages() -> None:
    try:
        host = urlsplit(f"//{request.host}").hostname or ""
    except ValueError:
        host = ""
    if not is_loopback(host):
        raise Misdirected(
            "Without API keys the service answers to localhost and loopback addresses only, not to this Host."
        )
    if request.method in _HARMLESS:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    foreign = site not in {"same-origin", "none"} if site else origin not in {None, f"http://{request.host}"}
    if foreign:
        raise Forbidden("A page from elsewhere may change nothing here.", code="cross_site_request")


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
