"""`/v1/session`: a browser signs in with a key, once, and out.

The routes are open and look after themselves: nobody is signed in before, and another site's page may sign nobody in.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from apiflask import APIBlueprint
from flask import Response, request

from api.browser_sessions import COOKIE, csrf_token
from api.guard import refuse_forged
from api.keyring import KnownKey
from api.origins import is_local, refuse_foreign_pages
from api.request_ids import current_request_id
from api.schemas.session import SessionDocument, SignIn
from api.services import services
from shared.db.models import LOCAL_PROJECT
from shared.errors import TooManyRequests, Unauthorized
from shared.keys import Scope

blueprint = APIBlueprint("session", __name__, url_prefix="/v1/session", tag="Session")
_log = structlog.get_logger(__name__)


@blueprint.get("")
@blueprint.output(SessionDocument)
@blueprint.doc(operation_id="get_session")
def show() -> Any:
    """Whether this browser is signed in, and whether it has to be."""
    if not services().settings.keys_required and is_local():
        return _document(required=False, project=LOCAL_PROJECT, scopes=frozenset(Scope))
    token = request.cookies.get(COOKIE, "")
    key = _key_behind(token)
    if key is None:
        return _document(required=True)
    return _document(required=True, project=key.project, scopes=key.scopes, csrf=csrf_token(token))


def _document(
    *, required: bool, project: str | None = None, scopes: frozenset[Scope] = frozenset(), csrf: str | None = None
) -> SessionDocument:
    return SessionDocument(
        key_required=required, signed_in=project is not None, project=project, scopes=sorted(scopes), csrf_token=csrf
    )


def _key_behind(token: str) -> KnownKey | None:
    key_id = services().browser_sessions.key_of(token) if token else None
    return services().keyring.holding(key_id) if key_id is not None else None


@blueprint.post("")
@blueprint.input(SignIn, location="json", arg_name="sign_in")
@blueprint.doc(operation_id="sign_in", responses=[204, 400, 401, 403, 413, 429])
def sign_in(sign_in: SignIn) -> Response:
    """Sign this browser in with an API key: the answer sets a cookie that stands for it until it ends."""
    refuse_foreign_pages("http", "https")
    _take_attempt()
    key = services().keyring.find(sign_in.key.strip())
    if key is None:
        services().keyring.note_refusal(sign_in.key.strip(), request_id=current_request_id())
        _log.warning("key_refused")
        raise Unauthorized("This is no API key that holds.", code="key_invalid")
    if before := request.cookies.get(COOKIE):
        services().browser_sessions.end(before)
    response = Response(status=HTTPStatus.NO_CONTENT)
    _set_cookie(response, services().browser_sessions.begin(key.id))
    return response


@blueprint.delete("")
@blueprint.doc(operation_id="sign_out", responses=[204, 403])
def sign_out() -> Response:
    """Sign this browser out; its cookie is good for nothing from now on."""
    token = request.cookies.get(COOKIE)
    if token and services().browser_sessions.key_of(token) is not None:
        refuse_forged(token)
        services().browser_sessions.end(token)
    response = Response(status=HTTPStatus.NO_CONTENT)
    response.delete_cookie(COOKIE, path="/", secure=_by_https(), httponly=True, samesite="Strict")
    return response


def _take_attempt() -> None:
    """One of the sign-ins of this address; behind a proxy that is the proxy's."""
    share = services().sign_ins.take(request.remote_addr or "unknown")
    if not share.granted:
        most = services().settings.max_sign_ins_per_minute
        raise TooManyRequests(
            f"From one address a browser may sign in max_sign_ins_per_minute = {most} times a minute.",
            code="too_many_sign_ins",
            limit="max_sign_ins_per_minute",
            value=most,
            retry_after_s=share.retry_after_s,
        )


def _set_cookie(response: Response, token: str) -> None:
    response.set_cookie(
        COOKIE,
        token,
        max_age=services().browser_sessions.lasting,
        path="/",
        secure=_by_https(),
        httponly=True,
        samesite="Strict",
    )


def _by_https() -> bool:
    """Whether the browser speaks https, perhaps to a proxy; one that lies keeps its own cookie to https."""
    told = request.headers.get("X-Forwarded-Proto", "").lower() == "https"
    return request.is_secure or told or services().settings.session_cookie_secure
