"""Headers on every answer that tell a browser to trust it with as little as possible."""

from __future__ import annotations

import base64
import hashlib
import re

from flask import Flask, Response, request

from api.routes import web

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
_SWAGGER = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", flags=re.DOTALL)


def register(app: Flask) -> None:
    """Put them on every answer."""
    app.after_request(_add)


def _add(response: Response) -> Response:
    response.headers.extend(_ALWAYS)
    response.headers["Content-Security-Policy"] = _policy(response)
    if request.endpoint != "static":
        # What is answered to one key or browser is never to be taken for the answer to another.
        response.vary.update(("Authorization", "Cookie"))
        if not response.cache_control:
            response.cache_control.no_store = True
    return response


def _policy(response: Response) -> str:
    if request.endpoint == "openapi.docs" and not response.is_streamed:
        return _SWAGGER.format(scripts=_hashes(response.get_data(as_text=True)))
    return web.POLICY if request.blueprint == web.blueprint.name else _NOTHING


def _hashes(page: str) -> str:
    digests = (hashlib.sha256(script.encode()).digest() for script in _INLINE_SCRIPT.findall(page))
    return "".join(f" 'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
