"""What scans can be asked for by, and how that is said in SQL: the filters of `/v1/scans`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, and_, cast, func, select
from sqlalchemy.orm import Session

from shared.db.models import Batch, Correction, Prediction, Scan, is_newest
from shared.domain import ScanState, TumorClass

# Of predictions, or of a subquery over them.
_OF_RESULTS: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "label": lambda results, label: results.label == label,
    "min_confidence": lambda results, confidence: results.confidence >= confidence,
    "max_confidence": lambda results, confidence: results.confidence <= confidence,
    "needs_review": lambda results, needs_review: results.needs_review.is_(needs_review),
    "review_reason": lambda results, reason: cast(results.review_reasons, Text).contains(
        f'"{reason}"', autoescape=True
    ),
}
_OF_SCANS: dict[str, Callable[[Any], ColumnElement[bool]]] = {
    "study": lambda study_id: Scan.study_id == study_id,
    "state": lambda state: Scan.state == state,
    "filename": lambda part: Scan.filename.icontains(part, autoescape=True),
    "code": lambda code: Scan.code == code,
    "since": lambda since: Scan.created_at >= since,
    "until": lambda until: Scan.created_at < until,
}
_FIRST_ID, _LAST_ID = UUID(int=0), UUID(int=(1 << 128) - 1)


@dataclass(frozen=True)
class ScanFilter:
    """What a scan of a project must fulfil; None asks for nothing. Times are inclusive, `until` exclusive.

    `filename` is a part of the name, in any case of ASCII letters; it, `code` and `review_reason` have no index
    and are for one batch.
    """

    project: str
    batch: UUID | None = None
    study: UUID | None = None
    state: ScanState | None = None
    label: TumorClass | None = None
    min_confidence: float | None = None
    max_confidence: float | None = None
    needs_review: bool | None = None
    review_reason: str | None = None
    corrected: bool | None = None
    filename: str | None = None
    code: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def about_result(self) -> bool:
        """Whether only scans with a result can fulfil it."""
        return self.corrected is True or any(getattr(self, name) is not None for name in _OF_RESULTS)

    @property
    def is_contradictory(self) -> bool:
        """Whether no scan can fulfil it: a scan has a result if and only if it succeeded."""
        return self.about_result and self.state not in {None, ScanState.SUCCEEDED}

    @property
    def has_index(self) -> bool:
        """Whether an index holds exactly the results that are wanted, in the order of ids."""
        asked = {name for name in _OF_RESULTS if getattr(self, name) is not None}
        return asked == {"label"} or (asked == {"needs_review"} and self.needs_review is True)

    def conditions_on_results(self, results: Any = Prediction) -> list[ColumnElement[bool]]:
        """What predictions, or a subquery with their columns, must fulfil."""
        return [
            make(results, value) for name, make in _OF_RESULTS.items() if (value := getattr(self, name)) is not None
        ]

    def conditions_on_scans(self) -> dict[str, ColumnElement[bool]]:
        """What a scan must fulfil besides, by filter."""
        return {name: make(value) for name, make in _OF_SCANS.items() if (value := getattr(self, name)) is not None}


def is_standing() -> ColumnElement[bool]:
    """Whether a correction is a label that stands beside its scan's prediction."""
    return and_(Correction.label.is_not(None), is_newest(Correction))


def ids_within(session: Session, wanted: ScanFilter) -> tuple[UUID, UUID] | None:
    """Between which ids all scans lie that were submitted in the time that is asked for; None where there are none.

    Lists are in the order of ids, so this is what keeps a search of an old time from walking past all newer scans.
    """
    asked = [Batch.project == wanted.project]
    if wanted.since is not None:
        asked.append(Batch.created_at >= wanted.since)
    if wanted.until is not None:
        asked.append(Batch.created_at < wanted.until)
    # A batch that does not tell its ids may hold any.
    first, last = func.coalesce(Batch.first_scan_id, _FIRST_ID), func.coalesce(Batch.last_scan_id, _LAST_ID)
    smallest = select(first).where(*asked).order_by(first).limit(1).scalar_subquery()
    largest = select(last).where(*asked).order_by(last.desc()).limit(1).scalar_subquery()
    found = session.execute(select(smallest, largest)).one()
    return None if found[0] is None else (found[0], found[1])
