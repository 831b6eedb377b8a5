"""A batch, as the API answers it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from api import examples
from api.schemas.document import Document
from api.schemas.pages import PageQuery
from api.schemas.query_values import QueryText
from shared.db.models import Batch
from shared.db.queries import BatchProgress
from shared.domain import BatchState, TumorClass, batch_state


class Counts(Document):
    """Number of a batch's scans in each state; they sum to its total."""

    queued: int
    running: int
    succeeded: int
    rejected: int
    failed: int
    cancelled: int


class BatchDocument(Document):
    """One batch."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.BATCH]})

    id: UUID
    name: str | None
    state: BatchState
    total: int
    counts: Counts
    metadata: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None = Field(
        description="When it may be removed, if it is finished then; null where batches are kept."
    )


class BatchList(Document):
    """A page of batches; `next` is the cursor of the following page, null on the last."""

    items: list[BatchDocument]
    next: str | None


class BatchesQuery(PageQuery):
    """A page of batches, searched."""

    search: QueryText | None = Field(
        None,
        description="A part of the name, in any case of ASCII letters; or how the id begins, 8 characters or more.",
    )


class SummaryDocument(Document):
    """Numbers of a batch's scans, so far."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.SUMMARY]})

    labels: dict[TumorClass, int] = Field(description="By predicted label.")
    needs_review: int
    corrected: int = Field(description="Beside which a reader's label stands, be it the same one.")
    rejected: dict[str, int] = Field(description="By code.")


class RemovedDocument(Document):
    """What a deletion took away."""

    scans: int
    predictions: int
    files: int
    size_bytes: int


def batch_document(batch: Batch, progress: BatchProgress, *, retention_days: float) -> BatchDocument:
    """The answer for one batch, derived from its scans."""
    state = batch_state(progress.counts, cancel_requested=batch.cancel_requested_at is not None)
    return BatchDocument(
        id=batch.id,
        name=batch.name,
        state=state,
        total=sum(progress.counts.values()),
        counts=Counts(**{str(s): n for s, n in progress.counts.items()}),
        metadata=batch.details,
        created_at=batch.created_at,
        started_at=progress.started_at,
        finished_at=None if progress.unfinished else progress.ended_at,
        expires_at=batch.created_at + timedelta(days=retention_days) if retention_days else None,
    )
