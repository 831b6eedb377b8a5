"""A scan with its result, as the API answers it, and what scans are asked for by."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api import examples
from api.scan_filters import ScanFilter
from api.scan_orders import ScanSort
from api.schemas.document import Document
from api.schemas.pages import PageQuery
from api.schemas.query_values import QueryFlag, QueryText, QueryTime, QueryWord
from api.stored_scans import StoredAttempt, StoredCorrection, StoredResult, StoredScan
from shared.db.models import Attempt, Correction, Prediction, Scan
from shared.domain import ScanState, ScanWarning, TumorClass

# An id, the order and a number.
_CURSOR = r"^[A-Za-z0-9_-]{22,34}$"
_NO_RESULT = dict.fromkeys(
    (
        *("label", "probabilities", "confidence", "needs_review", "review_reasons"),
        *("heatmap_path", "overlay_path", "focus", "model", "timings"),
    )
)


class AttemptDocument(Document):
    """One claim of a scan by a worker; `outcome` is null while it runs."""

    worker: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    reason: str | None


class Point(Document):
    """A pixel of the image, from its top left corner."""

    x: int
    y: int


class CorrectionDocument(Document):
    """A reader's label, which may be the predicted one, and note."""

    label: TumorClass
    note: str | None
    by: str = Field(description="The key's id, or local.")
    at: datetime


class CorrectionInput(BaseModel):
    """What a reader says of a scan."""

    model_config = ConfigDict(extra="forbid")

    label: TumorClass
    note: str | None = Field(None, description="At most max_note_chars; kept as typed, blank ones as null.")


class ScanDocument(Document):
    """One scan and, once it succeeded, its result; the result's members are null before."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.SCAN]})

    id: UUID
    batch_id: UUID
    study_id: UUID | None = Field(description="Of the volume or DICOM series that it is a slice of.")
    slice_index: int | None = Field(description="Its place among the study's slices, from 0.")
    filename: str
    frame: int
    state: ScanState
    code: str | None
    message: str | None
    warnings: list[ScanWarning] = Field(description="What was noticed on arrival; the scan is read all the same.")
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
    correction: CorrectionDocument | None = Field(
        None, description="What a reader said; the prediction stays as it was."
    )


class ScanList(Document):
    """A page of scans; `next` is the cursor of the following page, null on the last."""

    items: list[ScanDocument]
    next: str | None


class PictureQuery(BaseModel):
    """How large a picture is wanted."""

    model_config = ConfigDict(extra="forbid")

    size: Literal["128", "256", "512"] | None = Field(
        None, description="Pixels of its longer side, at most; without it the picture is as large as it is."
    )

    @property
    def size_px(self) -> int | None:
        """As a number."""
        return int(self.size) if self.size else None


class EventDocument(Document):
    """One scan's new state, as a server-sent event tells it."""

    scan_id: UUID
    state: ScanState
    at: datetime


class _FilteredQuery(PageQuery):
    """A page of scans, filtered."""

    cursor: str | None = Field(None, description="`next` of the page before, in the same order.", pattern=_CURSOR)
    study: UUID | None = Field(None, description="Slices of this study.")
    state: ScanState | None = None
    label: TumorClass | None = None
    min_confidence: float | None = Field(None, ge=0, le=1)
    max_confidence: float | None = Field(None, ge=0, le=1)
    needs_review: QueryFlag | None = None
    corrected: QueryFlag | None = Field(None, description="Whether a reader's label stands beside the prediction.")
    since: QueryTime | None = Field(None, description="Submitted at this time or later (RFC 3339).")
    until: QueryTime | None = Field(None, description="Submitted before this time (RFC 3339).")

    def wanted(self, project: str, batch: UUID | None) -> ScanFilter:
        """The filter of a project's scans, without the page."""
        return ScanFilter(project, batch=batch, **self.model_dump(exclude={"cursor", "limit", "batch", "sort"}))


class BatchScansQuery(_FilteredQuery):
    """A page of a batch's scans, filtered and sorted."""

    sort: ScanSort = Field(
        ScanSort.ID, description="`id` is the order of submission; scans without a result are last by confidence."
    )
    filename: QueryText | None = Field(None, description="A part of the file's name, in any case of ASCII letters.")
    code: QueryWord | None = Field(None, description="Why it was rejected or failed.")
    review_reason: QueryWord | None = Field(None, description="One of its reasons for review.")


class ScansQuery(_FilteredQuery):
    """A page of all scans, filtered."""

    batch: UUID | None = None


def scan_document(scan: Scan | StoredScan) -> ScanDocument:
    """The answer for one scan, loaded with its prediction, attempts and correction."""
    return ScanDocument.model_validate(scan_members(scan))


def scan_members(scan: Scan | StoredScan) -> dict[str, Any]:
    """The members of the same answer, not validated: for lists, of which that would take a fifth of the time."""
    return {
        "id": scan.id,
        "batch_id": scan.batch_id,
        "study_id": scan.study_id,
        "slice_index": scan.slice_index,
        "filename": scan.filename,
        "frame": scan.frame,
        "state": scan.state,
        "code": scan.code,
        "message": scan.message,
        "warnings": scan.warnings,
        "attempts": [_attempt_members(attempt) for attempt in scan.attempts],
        "created_at": scan.created_at,
        "started_at": scan.started_at,
        "ended_at": scan.ended_at,
        **(_NO_RESULT if scan.prediction is None else _result_members(scan.prediction)),
        "correction": _correction_members(scan.newest_correction),
    }


def _attempt_members(attempt: Attempt | StoredAttempt) -> dict[str, Any]:
    return {
        "worker": attempt.worker,
        "started_at": attempt.started_at,
        "ended_at": attempt.ended_at,
        "outcome": attempt.outcome,
        "reason": attempt.reason,
    }


def _result_members(prediction: Prediction | StoredResult) -> dict[str, Any]:
    return {
        "label": prediction.label,
        "probabilities": prediction.probabilities,
        "confidence": prediction.confidence,
        "needs_review": prediction.needs_review,
        "review_reasons": prediction.review_reasons,
        "heatmap_path": prediction.heatmap_path,
        "overlay_path": prediction.overlay_path,
        "focus": {"x": prediction.focus_x, "y": prediction.focus_y},
        "model": prediction.model,
        "timings": prediction.timings,
    }


def _correction_members(newest: Correction | StoredCorrection | None) -> dict[str, Any] | None:
    if newest is None or newest.label is None:
        return None
    return {"label": newest.label, "note": newest.note, "by": newest.actor, "at": newest.created_at}
