"""Where a request comes from: this machine or another, our own page or somebody else's.

A browser cannot be kept from calling for a foreign page, but it tells: by the Host header, which a rebound DNS name
betrays, and by what it says of where a changing request comes from.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import request

from shared.errors import Forbidden, Misdirected
from shared.settings import is_loopback

_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
_OF_PROXIES = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host")


def is_local() -> bool:
    """Whether the request was made on this machine, whatever the server was bound to; a proxy's was made elsewhere."""
    proxied = any(name in request.headers for name in _OF_PROXIES)
    return not proxied and is_loopback(request.remote_addr or "unknown")


def is_harmless() -> bool:
    """Whether the request can change nothing."""
    return request.method in _HARMLESS


def refuse_rebound_names() -> None:
    """Misdirected where the Host is no loopback name."""
    try:
        host = urlsplit(f"//{request.host}").hostname or ""
    except ValueError:
        host = ""
    if not is_loopback(host):
        raise Misdirected(
            "Without API keys the service answers to localhost and loopback addresses only, not to this Host."
        )


def refuse_foreign_pages(*schemes: str) -> None:
    """Forbidden where a browser says that another site's page asks; ours is at this Host, by one of `schemes`."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    ours = {None, *(f"{scheme}://{request.host}" for scheme in schemes)}
    if site not in {"same-origin", "none"} if site else origin not in ours:
        raise Forbidden("A page from elsewhere may change nothing here.", code="cross_site_request")
