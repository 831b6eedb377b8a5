"""Removes batches that are older than `retention_days`, and sessions that ended; the relay calls it again and again.

A batch that is not finished is never removed: what was accepted comes to its end first.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import redis
import structlog
from sqlalchemy import ColumnElement, Engine, delete, exists, select

from shared.artifacts import ArtifactStore
from shared.audit import RETENTION, Action, append_entry
from shared.clock import Clock
from shared.db.models import Batch, BrowserSession, Scan
from shared.db.session import reading, transaction
from shared.domain import UNFINISHED
from shared.removal import remove_rows
from shared.withdrawal import withdraw

_log = structlog.get_logger(__name__)
# Each is a transaction of its own; more wait for the next call, so that the relay's other work does not.
_BATCHES_AT_ONCE = 10


def remove_expired(
    engine: Engine, store: ArtifactStore, broker: redis.Redis, *, clock: Clock, retention_days: float
) -> int:
    """Remove some of the batches whose time is over; their number. Nothing where `retention_days` is 0."""
    if not retention_days:
        return 0
    until = clock() - timedelta(days=retention_days)
    with reading(engine) as session:
        query = select(Batch.id).where(*_expired(until)).order_by(Batch.created_at).limit(_BATCHES_AT_ONCE)
        expired = session.scalars(query).all()
    removed = [_remove(engine, store, batch_id, clock=clock, until=until) for batch_id in expired]
    if scans := [scan for batch in removed if batch is not None for scan in batch]:
        withdraw(broker, engine, scans)
    return sum(batch is not None for batch in removed)


def remove_ended_sessions(engine: Engine, *, clock: Clock) -> int:
    """Remove the sessions of browsers that have expired; their number. Nothing is locked where there are none."""
    ended = BrowserSession.expires_at <= clock()
    with reading(engine) as session:
        if session.scalar(select(BrowserSession.token_sha256).where(ended).limit(1)) is None:
            return 0
    with transaction(engine) as session:
        return len(session.scalars(delete(BrowserSession).where(ended).returning(BrowserSession.token_sha256)).all())


def _expired(until: datetime) -> tuple[ColumnElement[bool], ...]:
    unfinished = exists().where(Scan.batch_id == Batch.id, Scan.state.in_(UNFINISHED))
    return Batch.created_at <= until, ~unfinished


def _remove(
    engine: Engine, store: ArtifactStore, batch_id: UUID, *, clock: Clock, until: datetime
) -> list[UUID] | None:
    """The ids of its scans; None where it is not to go after all."""
    with transaction(engine) as session:
        # Locked first and asked again after that, as one statement sees the scans of before its lock: the batch may
        # have been queued once more, or another relay may be at it.
        batch = session.scalar(select(Batch).where(Batch.id == batch_id).with_for_update(skip_locked=True))
        if batch is None or session.scalar(select(Batch.id).where(Batch.id == batch_id, *_expired(until))) is None:
            return None
        scans, _ = remove_rows(session, batch_id)
        append_entry(
            session,
            Action.RETENTION_REMOVED,
            actor=RETENTION,
            project=batch.project,
            subject=batch_id,
            count=len(scans),
            now=clock(),
        )
    files, _ = store.delete_batch(batch_id)
    _log.info("batch_expired", batch_id=str(batch_id), scans=len(scans), files=files)
    return scans
