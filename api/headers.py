"""Headers on every answer that tell a browser to trust it with as little as possible."""

from __future__ import annotations

import base64
import hashlib
import re

from flask import Flask, Response, request

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# Swagger UI sets styles of its own making; its one script in the page itself is named by its hash.
_PAGE = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", flags=re.DOTALL)


def register(app: Flask) -> None:
    """Put them on every answer."""
    app.after_request(_add)


def _add(response: Response) -> Response:
    response.headers.extend(_ALWAYS)
    page = request.endpoint == "openapi.docs" and not response.is_streamed
    policy = _PAGE.format(scripts=_hashes(response.get_data(as_text=True))) if page else _NOTHING
    response.headers["Content-Security-Policy"] = policy
    if request.endpoint != "static":
        # What is answered to one key or browser is never to be taken for the answer to another.
        response.vary.update(("Authorization", "Cookie"))
        if not response.cache_control:
            response.cache_control.no_store = True
    return response


def _hashes(page: str) -> str:
    digests = (hashlib.sha256(script.encode()).digest() for script in _INLINE_SCRIPT.findall(page))
    return "".join(f" 'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
