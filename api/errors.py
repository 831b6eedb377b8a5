"""Every error leaves as application/problem+json (RFC 9457) with a stable code and the request's id."""

from __future__ import annotations

import errno
import sqlite3
from http import HTTPStatus
from typing import Any

import structlog
from apiflask import APIFlask, HTTPError
from flask import Response, json, request
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from werkzeug.exceptions import HTTPException

from api.request_ids import current_request_id
from shared import errors

_log = structlog.get_logger(__name__)
_RETRY_S = 5
_DISK_FULL = "53100"  # of PostgreSQL
_FULL = {errno.ENOSPC, errno.EDQUOT}
_NOT_MIGRATED = {"42P01", "42703"}  # of PostgreSQL: undefined table, undefined column
_STATUS: dict[type[errors.NeurobatchError], HTTPStatus] = {
    errors.InvalidRequest: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.MalformedBody: HTTPStatus.BAD_REQUEST,
    errors.Unauthorized: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Misdirected: HTTPStatus.MISDIRECTED_REQUEST,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.ClientTooSlow: HTTPStatus.REQUEST_TIMEOUT,
    errors.FieldTooLong: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Busy: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    errors.LimitExceeded: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
}


def register(app: APIFlask) -> None:
    """Handle our errors, HTTP's, the database's and what nobody expected."""
    app.register_error_handler(errors.NeurobatchError, _on_neurobatch_error)
    app.register_error_handler(HTTPException, _on_http_exception)
    app.register_error_handler(OperationalError, _on_database_down)
    app.register_error_handler(InterfaceError, _on_database_down)
    app.register_error_handler(NoFreeConnection, _on_database_down)
    app.register_error_handler(ProgrammingError, _on_programming_error)
    app.register_error_handler(FileNotFoundError, _on_file_gone)
    app.register_error_handler(OSError, _on_os_error)
    app.register_error_handler(Exception, _on_unexpected)
    app.error_processor(_on_validation_error)


def problem(status: int, *, code: str, detail: str, **members: Any) -> Response:
    """A problem document; `members` are extension members such as the limit that was broken."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "code": code,
        "detail": detail,
        "request_id": current_request_id(),
        **members,
    }
    return Response(json.dumps(body), status=status, content_type="application/problem+json")


def _code_of(status: int) -> str:
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return errors.InvalidRequest.code
    return HTTPStatus(status).phrase.lower().replace(" ", "_")


def _on_neurobatch_error(error: errors.NeurobatchError) -> Response:
    status = next((s for kind, s in _STATUS.items() if isinstance(error, kind)), None)
    if status is None:
        return _on_unexpected(error)
    members: dict[str, Any] = {}
    if isinstance(error, errors.LimitExceeded):
        members = {"limit": error.limit, "value": error.value}
    answer = problem(status, code=error.code, detail=error.message, **members)
    answer.headers.update(_headers_of(error))
    return answer


def _headers_of(error: errors.NeurobatchError) -> dict[str, str]:
    """What tells a client how it may go on; challenges are those of RFC 6750."""
    match error:
        case errors.Busy():
            return {"Retry-After": str(_RETRY_S)}
        case errors.TooManyRequests():
            return {"Retry-After": str(error.retry_after_s)}
        case errors.Unauthorized():
            wrong = "" if error.code == errors.Unauthorized.code else ', error="invalid_token"'
            return {"WWW-Authenticate": f'Bearer realm="neurobatch"{wrong}'}
        case errors.Forbidden(scope=str(scope)):
            return {"WWW-Authenticate": f'Bearer realm="neurobatch", error="insufficient_scope", scope="{scope}"'}
        case _:
            return {}


def _on_http_exception(error: HTTPException) -> Response:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    answer = problem(status, code=_code_of(status), detail=error.description or error.name)
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            answer.headers[name] = value
    return answer


def _on_validation_error(error: HTTPError) -> Response:
    members = {"errors": error.detail} if error.detail else {}
    answer = problem(error.status_code, code=_code_of(error.status_code), detail=error.message or "", **members)
    answer.headers.update(error.headers or {})
    return answer


def _on_database_down(error: DBAPIError | NoFreeConnection) -> Response:
    cause = error.orig if isinstance(error, DBAPIError) else error
    if _is_full(cause):
        return _on_full_disk(cause)
    _log.error("database_unavailable", error=type(cause).__name__)
    return _try_again(
        code="database_unavailable",
        detail="The database does not answer. Try again; a submission with its Idempotency-Key, as it may be stored.",
    )


def _try_again(*, code: str, detail: str) -> Response:
    answer = problem(HTTPStatus.SERVICE_UNAVAILABLE, code=code, detail=detail)
    answer.headers["Retry-After"] = str(_RETRY_S)
    return answer


def _is_full(cause: object) -> bool:
    full_file = getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return full_file or getattr(cause, "sqlstate", None) == _DISK_FULL


def _on_programming_error(error: ProgrammingError) -> Response:
    """A table or column that is not there yet: the migrations are running."""
    behind = getattr(error.orig, "sqlstate", None) in _NOT_MIGRATED
    return _on_database_down(error) if behind else _on_unexpected(error)


def _on_file_gone(error: FileNotFoundError) -> Response:
    """Of the files that a request reads only the store's can vanish, with their batch; a change expects its own."""
    if request.method not in {"GET", "HEAD"}:
        return _on_unexpected(error)
    _log.warning("file_gone", exc_info=error)
    return problem(HTTPStatus.NOT_FOUND, code=errors.NotFound.code, detail="What was asked for is not there any more.")


def _on_os_error(error: OSError) -> Response:
    if error.errno not in _FULL:
        return _on_unexpected(error)
    return _on_full_disk(error)


def _on_full_disk(error: BaseException | None) -> Response:
    _log.error("storage_full", error=type(error).__name__)
    return _try_again(
        code="storage_full",
        detail="The service's disk is full; nothing of this was kept. Try again when there is room.",
    )


def _on_unexpected(error: Exception) -> Response:
    _log.error("unexpected_error", exc_info=error)
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        code="internal_error",
        detail="Something went wrong on our side; the request's id finds it in the log.",
    )
