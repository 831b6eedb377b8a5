"""What the API answers, as typed documents; the OpenAPI file is generated from these."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from api import examples
from api.scan_queries import ScanFilter
from shared.db.models import Batch, Scan
from shared.db.queries import BatchProgress
from shared.domain import BatchState, ScanState, TumorClass, batch_state
from shared.errors import InvalidRequest

_CURSOR = r"^[A-Za-z0-9_-]{22}$"
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


def _true_or_false(value: object) -> object:
    """JSON's two words alone: pydantic would also take yes, on, 1 and t."""
    words = {"true": True, "false": False}
    return words.get(value, "neither") if isinstance(value, str) else value


def _rfc_3339(value: object) -> object:
    """A date and a time with its zone: pydantic would also take a number of seconds."""
    if isinstance(value, str) and not _RFC_3339.fullmatch(value):
        raise ValueError("not an RFC 3339 time such as 2026-11-01T12:00:00Z")
    return value


def _within_our_era(time: datetime) -> datetime:
    """No scan is older or younger; times at Python's own ends cannot be brought to UTC."""
    naive = time.replace(tzinfo=None)
    if naive <= _EARLIEST.replace(tzinfo=None):
        return _EARLIEST
    return _LATEST if naive >= _LATEST.replace(tzinfo=None) else time


QueryFlag = Annotated[bool, BeforeValidator(_true_or_false)]
QueryTime = Annotated[AwareDatetime, BeforeValidator(_rfc_3339), AfterValidator(_within_our_era)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Counts(_Document):
    """Number of a batch's scans in each state; they sum to its total."""

    queued: int
    running: int
    succeeded: int
    rejected: int
    failed: int
    cancelled: int


class BatchDocument(_Document):
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


class AttemptDocument(_Document):
    """One claim of a scan by a worker; `outcome` is null while it runs."""

    worker: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    reason: str | None


class Point(_Document):
    """A pixel of the image, from its top left corner."""

    x: int
    y: int


class ScanDocument(_Document):
    """One scan and, once it succeeded, its result; the result's members are null before."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.SCAN]})

    id: UUID
    batch_id: UUID
    study_id: UUID | None
    filename: str
    frame: int
    state: ScanState
    code: str | None
    message: str | None
    attempts: list[AttemptDocument]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    label: TumorClass | None = None
    probabilities: dict[TumorClass, float] | None = None
    confidence: float | None = None
    needs_review: bool | None = None
    review_reasons: list[str] | None = None
    heatmap_path: str | None = None
    overlay_path: str | None = None
    focus: Point | None = None
    model: str | None = None
    timings: dict[str, float] | None = Field(None, description="Milliseconds by stage.")


class EventDocument(_Document):
    """One scan's new state, as a server-sent event tells it."""

    scan_id: UUID
    state: ScanState
    at: datetime


class BatchList(_Document):
    """A page of batches; `next` is the cursor of the following page, null on the last."""

    items: list[BatchDocument]
    next: str | None


class ScanList(_Document):
    """A page of scans; `next` is the cursor of the following page, null on the last."""

    items: list[ScanDocument]
    next: str | None


class LimitDocument(_Document):
    """One limit, its value and the variable that sets it."""

    name: str
    value: int
    description: str
    variable: str


class LimitList(_Document):
    """Every limit, and the formats that are read."""

    items: list[LimitDocument]
    formats: list[str]


class ModelDocument(BaseModel):
    """A model bundle's description of itself (its bundle.json), and whether it is the one that classifies."""

    model_config = ConfigDict(extra="allow")

    name: str
    active: bool
    metrics: dict[str, Any] = Field(
        description="`figures`: the headline of its evaluation, each as `value`, `n` scans and 95% `interval` over "
        "patients; `measured`: how and on what. Empty where it was never measured."
    )


class ModelList(_Document):
    """The model bundles at hand."""

    items: list[ModelDocument]


class PageQuery(BaseModel):
    """How much of a list, and from where."""

    model_config = ConfigDict(extra="forbid")

    cursor: str | None = Field(None, description="`next` of the page before.", pattern=_CURSOR)
    limit: int = Field(50, ge=1, le=200)


class BatchScansQuery(PageQuery):
    """A page of a batch's scans, filtered."""

    state: ScanState | None = None
    label: TumorClass | None = None
    min_confidence: float | None = Field(None, ge=0, le=1)
    max_confidence: float | None = Field(None, ge=0, le=1)
    needs_review: QueryFlag | None = None
    since: QueryTime | None = Field(None, description="Submitted at this time or later (RFC 3339).")
    until: QueryTime | None = Field(None, description="Submitted before this time (RFC 3339).")

    def wanted(self, project: str, batch: UUID | None) -> ScanFilter:
        """The filter of a project's scans, without the page."""
        return ScanFilter(project, batch=batch, **self.model_dump(exclude={"cursor", "limit", "batch"}))


class ScansQuery(BatchScansQuery):
    """A page of all scans, filtered."""

    batch: UUID | None = None


class SubmitQuery(BaseModel):
    """How a submission is meant."""

    model_config = ConfigDict(extra="forbid")

    dry_run: Literal["0", "1"] = Field("0", description="1: a verdict for each scan, and nothing is kept.")


class VerdictDocument(_Document):
    """What would become of one scan."""

    filename: str
    frame: int
    verdict: Literal["accepted", "rejected", "duplicate"]
    code: str | None
    message: str | None
    duplicate_of: UUID | None = Field(description="The oldest stored scan of the same bytes.")


class DryRunDocument(_Document):
    """What would become of each scan of a submission."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.DRY_RUN]})

    files: list[VerdictDocument]


class RemovedDocument(_Document):
    """What a deletion took away."""

    scans: int
    predictions: int
    files: int
    size_bytes: int


class AuditDocument(_Document):
    """One entry of the audit trail: who did what to which id."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.AUDIT_ENTRY]})

    id: UUID
    at: datetime
    actor: str = Field(description="Id of the key; or local, command, retention, nobody.")
    action: str
    subject: str | None = Field(description="Id of the batch or key.")
    count: int | None = Field(description="Number of scans, or of refused requests.")
    request_id: str | None


class AuditList(_Document):
    """A page of the audit trail; `next` is the cursor of the following page, null on the last."""

    items: list[AuditDocument]
    next: str | None


class Health(_Document):
    """Whether the API serves and accepts; `degraded` names what is missing but does not stop it."""

    status: str
    degraded: dict[str, str] = {}
    database: str | None = None
    workers: int | None = None
    models: list[str] = []


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


def scan_document(scan: Scan) -> ScanDocument:
    """The answer for one scan, loaded with its prediction and attempts."""
    result: dict[str, Any] = {}
    if (prediction := scan.prediction) is not None:
        result = {
            "label": prediction.label,
            "probabilities": prediction.probabilities,
            "confidence": prediction.confidence,
            "needs_review": prediction.needs_review,
            "review_reasons": prediction.review_reasons,
            "heatmap_path": prediction.heatmap_path,
            "overlay_path": prediction.overlay_path,
            "focus": Point(x=prediction.focus_x, y=prediction.focus_y),
            "model": prediction.model,
            "timings": prediction.timings,
        }
    return ScanDocument(
        id=scan.id,
        batch_id=scan.batch_id,
        study_id=None,
        filename=scan.filename,
        frame=scan.frame,
        state=scan.state,
        code=scan.code,
        message=scan.message,
        attempts=[
            AttemptDocument(
                worker=a.worker,
                started_at=a.started_at,
                ended_at=a.ended_at,
                outcome=a.outcome,
                reason=a.reason,
            )
            for a in scan.attempts
        ],
        created_at=scan.created_at,
        started_at=scan.started_at,
        ended_at=scan.ended_at,
        **result,
    )


def encode_cursor(last: UUID) -> str:
    """An opaque cursor that stands after the item with this id."""
    return base64.urlsafe_b64encode(last.bytes).rstrip(b"=").decode()


def decode_cursor(cursor: str | None) -> UUID | None:
    """The id that a cursor stands after; InvalidRequest for one that we did not make."""
    if cursor is None:
        return None
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))
    except (ValueError, binascii.Error) as error:
        raise InvalidRequest("The cursor is not one that a list gave out.", code="invalid_cursor") from error
