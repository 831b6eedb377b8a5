"""The use cases that change a batch after it was accepted: cancel, retry, delete."""

from __future__ import annotations

from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from api.callers import Caller
from api.services import Services
from shared.audit import Action, append_entry
from shared.db import queries
from shared.db.models import Batch
from shared.db.session import transaction
from shared.errors import Conflict, NotFound
from shared.removal import Removed, remove_rows
from shared.withdrawal import withdraw

_log = structlog.get_logger(__name__)


def cancel_batch(services: Services, caller: Caller, batch_id: UUID) -> None:
    """End every scan that waits; those that run stop before their next costly stage. Asking twice changes nothing."""
    now = services.clock()
    with transaction(services.engine) as session:
        batch = _locked(session, caller, batch_id)
        first = batch.cancel_requested_at is None and queries.progress(session, [batch_id])[batch_id].unfinished > 0
        if first:
            # Before its scans end, since whoever is told of the batch's end is told that it was cancelled.
            batch.cancel_requested_at = now
            session.flush()
        cancelled = queries.cancel_queued(session, batch_id, now=now)
        if first:
            _tell(session, services, Action.BATCH_CANCELLED, caller, batch_id, scans=cancelled)
    _log.info("batch_cancelled", batch_id=str(batch_id), scans=cancelled)


def retry_batch(services: Services, caller: Caller, batch_id: UUID) -> None:
    """Queue the failed scans again; Conflict where none has failed."""
    with transaction(services.engine) as session:
        batch = _locked(session, caller, batch_id)
        retried = queries.requeue_failed(session, batch_id, now=services.clock())
        if not retried:
            raise Conflict("No scan of this batch has failed; there is nothing to retry.", code="nothing_to_retry")
        batch.cancel_requested_at = None
        _tell(session, services, Action.SCAN_RETRIED, caller, batch_id, scans=retried)
    _log.info("batch_retried", batch_id=str(batch_id), scans=retried)
    services.publisher.publish()


def delete_batch(services: Services, caller: Caller, batch_id: UUID) -> Removed:
    """Remove a batch's rows, then its files, then its messages.

    A worker that is busy with one of its scans finds its claim gone and discards what it made.
    """
    with transaction(services.engine) as session:
        _locked(session, caller, batch_id)
        scans, predictions = remove_rows(session, batch_id)
        _tell(session, services, Action.BATCH_DELETED, caller, batch_id, scans=len(scans))
    files, size_bytes = services.store.delete_batch(batch_id)
    withdraw(services.presence, services.engine, scans)
    _log.info("batch_deleted", batch_id=str(batch_id), scans=len(scans), files=files)
    return Removed(scans=len(scans), predictions=predictions, files=files, size_bytes=size_bytes)


def _locked(session: Session, caller: Caller, batch_id: UUID) -> Batch:
    batch = session.get(Batch, batch_id, with_for_update=True)
    if batch is None or batch.project != caller.project:
        raise NotFound("There is no such batch.")
    return batch


def _tell(session: Session, services: Services, action: Action, caller: Caller, batch_id: UUID, *, scans: int) -> None:
    append_entry(
        session,
        action,
        actor=caller.actor,
        project=caller.project,
        subject=batch_id,
        count=scans,
        request_id=caller.request_id,
        now=services.clock(),
    )
