"""Scans as lists answer them, read in one statement.

A list holds hundreds of scans with three kinds of rows each. Plain rows take a third of the time of mapped objects and
a query for each kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, ScalarSelect, Select, func, select
from sqlalchemy.orm import Session, aliased

from api.scan_orders import ScanSort, ordering
from shared.db.base import Base
from shared.db.models import Attempt, Correction, Prediction, Scan
from shared.domain import ScanState, TumorClass

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class StoredResult:
    """What a list tells of a prediction."""

    label: TumorClass
    probabilities: dict[str, float]
    confidence: float
    needs_review: bool
    review_reasons: list[str]
    heatmap_path: str
    overlay_path: str
    focus_x: int
    focus_y: int
    model: str
    timings: dict[str, float]


@dataclass(frozen=True, slots=True)
class StoredAttempt:
    """One claim of a scan."""

    worker: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class StoredCorrection:
    """What a reader said last; `label` is null where it was taken back."""

    label: TumorClass | None
    note: str | None
    actor: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StoredScan:
    """A scan with its result, its attempts in order, and its newest correction."""

    id: UUID
    batch_id: UUID
    study_id: UUID | None
    slice_index: int | None
    filename: str
    frame: int
    state: ScanState
    code: str | None
    message: str | None
    warnings: list[str]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    prediction: StoredResult | None
    attempts: Sequence[StoredAttempt]
    newest_correction: StoredCorrection | None


def _columns(table: type[Base], stored: type[DataclassInstance], *left_out: str) -> list[ColumnElement[Any]]:
    return [getattr(table, field.name) for field in fields(stored) if field.name not in left_out]


_OF_SCAN = _columns(Scan, StoredScan, "prediction", "attempts", "newest_correction")
_OF_RESULT = _columns(Prediction, StoredResult)
_OF_ATTEMPT = _columns(Attempt, StoredAttempt)
_OF_CORRECTION = _columns(Correction, StoredCorrection)
_RESULT_AT = len(_OF_SCAN)
_ATTEMPT_AT = _RESULT_AT + len(_OF_RESULT)
_CORRECTION_AT = _ATTEMPT_AT + len(_OF_ATTEMPT)


def stored_scans(session: Session, ids: Select[Any], *, sort: ScanSort) -> list[StoredScan]:
    """The scans that a limited query finds, in this order; its columns are `id` and, if the order needs it, `by`."""
    page = ids.subquery("page")
    query = (
        select(*_OF_SCAN, *_OF_RESULT, *_OF_ATTEMPT, *_OF_CORRECTION)
        .select_from(page)
        .join(Scan, Scan.id == page.c.id)
        .outerjoin(Prediction, Prediction.scan_id == page.c.id)
        .outerjoin(Attempt, Attempt.scan_id == page.c.id)
        .outerjoin(Correction, (Correction.scan_id == page.c.id) & (Correction.number == _newest_number(page.c.id)))
        .order_by(*ordering(sort, key=page.c.id, by=page.c.get("by")), Attempt.fence)
    )
    return [_scan(list(same)) for _, same in groupby(session.connection().execute(query), key=lambda row: row[0])]


def _newest_number(scan_id: ColumnElement[UUID]) -> ScalarSelect[int]:
    """Looked up scan by scan: in an anti-join, PostgreSQL compares all corrections for a page of 200."""
    corrections = aliased(Correction)
    return select(func.max(corrections.number)).where(corrections.scan_id == scan_id).scalar_subquery()


def _scan(rows: Sequence[Row[Any]]) -> StoredScan:
    """From its rows, one for each attempt; the label, worker and actor are null where there is nothing of the kind."""
    row = rows[0]
    result, attempt, correction = row[_RESULT_AT:_ATTEMPT_AT], row[_ATTEMPT_AT:_CORRECTION_AT], row[_CORRECTION_AT:]
    whole = (
        *row[:_RESULT_AT],
        StoredResult(*result) if result[0] is not None else None,
        [StoredAttempt(*r[_ATTEMPT_AT:_CORRECTION_AT]) for r in rows] if attempt[0] is not None else [],
        StoredCorrection(*correction) if correction[2] is not None else None,
    )
    return StoredScan(*whole)
