"""Whether the API can accept, and what else is missing."""

from __future__ import annotations

import os
import tempfile
from http import HTTPStatus

import redis
from sqlalchemy.exc import SQLAlchemyError

from api.schemas.service import Health
from api.services import Services
from shared.db.revision import current_revision, head_revision
from shared.db.session import reading
from shared.presence import living_workers


def readiness(services: Services) -> tuple[Health, HTTPStatus]:
    """200 when a batch can be accepted: database at its revision, staging writable. All else only degrades."""
    database_fault, staging_fault = _database_fault(services), _staging_fault(services)
    unavailable = database_fault or staging_fault
    degraded: dict[str, str] = {}
    workers = None
    models: list[str] = []
    try:
        found = living_workers(services.presence)
        workers = len(found)
        models = sorted({worker["model"] for worker in found})
    except redis.RedisError:
        degraded["broker"] = "does not answer; batches are accepted and wait"
    if workers == 0:
        degraded["workers"] = "none has reported; batches are accepted and wait"
        degraded["model"] = "none is loaded"
    health = Health(
        status="unavailable" if unavailable else "degraded" if degraded else "ok",
        database=database_fault or services.engine.dialect.name,
        staging=staging_fault or "writable",
        degraded=degraded,
        workers=workers,
        models=models,
    )
    return health, HTTPStatus.SERVICE_UNAVAILABLE if unavailable else HTTPStatus.OK


def _database_fault(services: Services) -> str | None:
    try:
        with reading(services.engine) as session:
            revision = current_revision(session.connection())
    except SQLAlchemyError:
        return "database does not answer"
    if revision != head_revision():
        return f"database is at revision {revision}, not {head_revision()}; run alembic upgrade head"
    return None


def _staging_fault(services: Services) -> str | None:
    folder = services.settings.data_dir / "staging"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, path = tempfile.mkstemp(dir=folder)
        os.close(descriptor)
        os.unlink(path)
    except OSError as error:
        return f"not writable: {error.strerror}"
    return None
