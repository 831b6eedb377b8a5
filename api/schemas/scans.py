"""A scan with its result, as the API answers it, and what scans are asked for by."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from api import examples
from api.scan_queries import ScanFilter
from api.schemas.document import Document
from api.schemas.pages import PageQuery
from api.schemas.query_values import QueryFlag, QueryTime
from shared.db.models import Scan
from shared.domain import ScanState, ScanWarning, TumorClass


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


class ScanList(Document):
    """A page of scans; `next` is the cursor of the following page, null on the last."""

    items: list[ScanDocument]
    next: str | None


class EventDocument(Document):
    """One scan's new state, as a server-sent event tells it."""

    scan_id: UUID
    state: ScanState
    at: datetime


class BatchScansQuery(PageQuery):
    """A page of a batch's scans, filtered."""

    study: UUID | None = Field(None, description="Slices of this study.")
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
        study_id=scan.study_id,
        slice_index=scan.slice_index,
        filename=scan.filename,
        frame=scan.frame,
        state=scan.state,
        code=scan.code,
        message=scan.message,
        warnings=[ScanWarning(code) for code in scan.warnings],
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
