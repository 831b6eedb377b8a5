"""The use cases around a batch: submit it, look at it, list many."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import IO, Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, insert, or_, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from api.callers import Caller
from api.idempotency import fingerprint, is_known, known_batch, remember
from api.intake import Candidate
from api.quotas import check_quotas
from api.series import put_together
from api.services import Services
from api.staging import Staging, in_progress
from api.submissions import Submission, look_through
from api.uploads import receive
from shared.artifacts import upload_key
from shared.audit import Action, append_entry
from shared.db import queries
from shared.db.base import new_id
from shared.db.events import append_events
from shared.db.models import Batch, Study
from shared.db.queries import BatchProgress
from shared.db.session import reading, transaction
from shared.db.tables import SCANS
from shared.domain import ScanState
from shared.errors import NotFound

_log = structlog.get_logger(__name__)
# Fewer digits would find whole days.
_ID_BEGINS = re.compile(r"[0-9a-f]{8,32}")
# The rows of ten thousand scans, and SQLAlchemy's copies of them, are 20 MB.
_ROWS_AT_ONCE = 1_000
_NO_PLACE = {"study_id": None, "slice_index": None}


def submit_batch(
    services: Services, caller: Caller, *, body: IO[bytes], boundary: bytes, idempotency_key: str | None = None
) -> UUID:
    """Take a batch: once this returns, its files and rows are durable and every scan will come to an end.

    With an idempotency key that already stands for the same content, the batch of then is the answer.
    The files are renamed to their place first and the rows committed after; a crash in between leaves files
    without rows, never rows without files.
    """
    with reading(services.engine) as session:
        # What was accepted before needs no room; all else is refused before gigabytes are received.
        if not idempotency_key or not is_known(session, idempotency_key, project=caller.project):
            check_quotas(session, services.settings, project=caller.project)
    with services.keys_in_progress.hold(idempotency_key, project=caller.project):
        batch_id = new_id()
        with in_progress(services.settings.data_dir, batch_id):
            batch_id = _accept(
                services, caller, batch_id, body=body, boundary=boundary, idempotency_key=idempotency_key
            )
    services.publisher.publish()
    return batch_id


def _accept(
    services: Services, caller: Caller, batch_id: UUID, *, body: IO[bytes], boundary: bytes, idempotency_key: str | None
) -> UUID:
    project = caller.project
    with Staging(services.settings.data_dir, name=str(batch_id)) as staging:
        upload = receive(body, boundary=boundary, staging=staging, settings=services.settings)
        content = fingerprint(upload)
        if idempotency_key and (known := known_batch(services, idempotency_key, project=project, content=content)):
            return known
        submission = look_through(services, caller, upload, staging=staging)
        staging.keep_as(services.store.path(upload_key(batch_id, "0")).parent)
    try:
        _commit(services, caller, batch_id, submission, idempotency_key=idempotency_key, content=content)
    except IntegrityError:
        # Another process has just stored the same key: its batch stands.
        services.store.delete_batch(batch_id)
        if idempotency_key and (known := known_batch(services, idempotency_key, project=project, content=content)):
            return known
        raise
    _log.info("batch_accepted", batch_id=str(batch_id), files=len(upload.files), scans=len(submission.candidates))
    return batch_id


def _commit(
    services: Services,
    caller: Caller,
    batch_id: UUID,
    submission: Submission,
    *,
    idempotency_key: str | None,
    content: str,
) -> None:
    """All rows of a batch, or none; its files go with them, unless its rows may be there."""
    project, now = caller.project, services.clock()
    batch = {
        "id": batch_id,
        "project": project,
        "name": submission.name,
        "details": submission.details,
        "size_bytes": submission.size_bytes,
    }
    committing = False
    try:
        with transaction(services.engine) as session:
            _store(session, batch=batch, candidates=submission.candidates, now=now)
            if idempotency_key:
                remember(session, key=idempotency_key, project=project, content=content, batch_id=batch_id, now=now)
            append_entry(
                session,
                Action.BATCH_SUBMITTED,
                actor=caller.actor,
                project=project,
                subject=batch_id,
                count=len(submission.candidates),
                request_id=caller.request_id,
                now=now,
            )
            committing = True
    except IntegrityError:
        raise  # nothing was committed
    except SQLAlchemyError:
        # A commit may have happened although its answer was lost: then the reconciler asks before it removes files.
        if not committing:
            services.store.delete_batch(batch_id)
        raise


def _store(session: Session, *, batch: Mapping[str, Any], candidates: Sequence[Candidate], now: datetime) -> None:
    ids = [new_id() for _ in candidates]
    session.execute(insert(Batch), {**batch, "created_at": now, "first_scan_id": min(ids), "last_scan_id": max(ids)})
    places = _put_into_studies(session, batch, candidates, now=now)
    for start in range(0, len(ids), _ROWS_AT_ONCE):
        some = range(start, min(start + _ROWS_AT_ONCE, len(ids)))
        rows = [_scan_row(batch, candidates[n], now=now) | {"id": ids[n]} | places.get(n, _NO_PLACE) for n in some]
        session.execute(insert(SCANS), rows)
    rejected = {ids[n]: ScanState.REJECTED for n, candidate in enumerate(candidates) if candidate.fault}
    append_events(session, batch["id"], rejected, now=now)


def _scan_row(batch: Mapping[str, Any], candidate: Candidate, *, now: datetime) -> dict[str, Any]:
    return {
        "batch_id": batch["id"],
        "project": batch["project"],
        "filename": candidate.filename,
        "frame": candidate.frame,
        "upload_key": None if candidate.fault else upload_key(batch["id"], candidate.file.path.name),
        "size_bytes": candidate.file.size_bytes,
        "sha256": candidate.file.sha256,
        "sop_instance_uid": candidate.slice.sop_instance_uid if candidate.slice else None,
        "warnings": list(candidate.slice.warnings) if candidate.slice else [],
        "state": ScanState.REJECTED if candidate.fault else ScanState.QUEUED,
        "code": candidate.fault.code if candidate.fault else None,
        "message": candidate.fault.message if candidate.fault else None,
        "created_at": now,
        "ended_at": now if candidate.fault else None,
    }


def _put_into_studies(
    session: Session, batch: Mapping[str, Any], candidates: Sequence[Candidate], *, now: datetime
) -> dict[int, dict[str, Any]]:
    """Store the studies that the candidates' slices make; the columns that place a scan in one, by its number."""
    studies, places = [], {}
    files = [candidate.file.place for candidate in candidates]
    for series in put_together([candidate.slice for candidate in candidates], files=files):
        study = {
            "id": new_id(),
            "batch_id": batch["id"],
            "project": batch["project"],
            "kind": series.first.kind,
            "filename": candidates[series.members[0]].filename,
            "study_uid": series.first.study_uid,
            "series_uid": series.first.series_uid,
            "frame_of_reference_uid": series.first.frame_of_reference_uid,
            "created_at": now,
        }
        studies.append(study)
        for slice_index, number in enumerate(series.members):
            places[number] = {"study_id": study["id"], "slice_index": slice_index}
    if studies:
        session.execute(insert(Study), studies)
    return places


def find_batch(services: Services, caller: Caller, batch_id: UUID) -> tuple[Batch, BatchProgress]:
    """One batch of the caller's project with its progress; NotFound if there is none."""
    with reading(services.engine) as session:
        # Counted first: a batch that is cancelled between the two is told as unfinished, never as ended otherwise.
        progress = queries.progress(session, [batch_id])[batch_id]
        batch = session.get(Batch, batch_id)
    if batch is None or batch.project != caller.project:
        raise NotFound("There is no such batch.")
    return batch, progress


def list_batches(
    services: Services, caller: Caller, *, before: UUID | None, search: str | None = None, limit: int
) -> list[tuple[Batch, BatchProgress]]:
    """Up to `limit` batches of the caller's project, newest first, older than `before`, that `search` finds."""
    query = select(Batch).where(Batch.project == caller.project).order_by(Batch.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Batch.id < before)
    if search is not None:
        query = query.where(_found_by(search))
    with reading(services.engine, one_state=True) as session:
        batches = session.scalars(query).all()
        found = queries.progress(session, [batch.id for batch in batches])
    return [(batch, found[batch.id]) for batch in batches]


def _found_by(search: str) -> ColumnElement[bool]:
    """By a part of the name, or by how the id begins: a range of ids, since databases write them differently."""
    named = Batch.name.icontains(search, autoescape=True)
    digits = search.strip().lower().replace("-", "")
    if not _ID_BEGINS.fullmatch(digits):
        return named
    return or_(named, Batch.id.between(UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))))
