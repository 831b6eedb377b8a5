"""Which scans a client asked for: the filters of `/v1/scans`, and the pages and streams over them.

How pages are cut is told in `api.scan_orders`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Engine, Select, String, Text, cast, func, literal_column, select
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from api.scan_orders import Place, ScanSort, beyond, ordering
from shared.db.models import Batch, Correction, Prediction, Scan, Study, is_newest
from shared.db.session import reading
from shared.domain import ScanState, TumorClass
from shared.errors import NotFound

# How a scan is loaded to be answered as a document.
WITH_RESULT = (joinedload(Scan.prediction), selectinload(Scan.attempts), selectinload(Scan.newest_correction))

_STREAM_PAGE = 500

_CONDITIONS: dict[str, Callable[[Any], ColumnElement[bool]]] = {
    "batch": lambda batch_id: Scan.batch_id == batch_id,
    "filename": lambda part: Scan.filename.icontains(part, autoescape=True),
    "code": lambda code: Scan.code == code,
    "study": lambda study_id: Scan.study_id == study_id,
    "state": lambda state: Scan.state == state,
    "since": lambda since: Scan.created_at >= since,
    "until": lambda until: Scan.created_at < until,
    "label": lambda label: Prediction.label == label,
    "min_confidence": lambda confidence: Prediction.confidence >= confidence,
    "max_confidence": lambda confidence: Prediction.confidence <= confidence,
    "review_reason": lambda reason: cast(Prediction.review_reasons, Text).contains(f'"{reason}"', autoescape=True),
    "corrected": lambda corrected: _is_corrected() if corrected else ~_is_corrected(),
    "needs_review": lambda needs_review: Prediction.needs_review.is_(needs_review),
}


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
        asked = (self.label, self.min_confidence, self.max_confidence, self.needs_review, self.review_reason)
        return any(value is not None for value in asked)


def page_of_scans(
    engine: Engine, wanted: ScanFilter, *, sort: ScanSort, behind: Place | None, limit: int
) -> list[Scan]:
    """Up to `limit` scans with results, attempts and corrections, in order, from behind a place in it.

    Raises NotFound for a batch or a study that does not exist.
    """
    with reading(engine) as session:
        if wanted.batch is not None:
            batch = session.get(Batch, wanted.batch)
            if batch is None or batch.project != wanted.project:
                raise NotFound("There is no such batch.")
        if wanted.study is not None:
            study = session.get(Study, wanted.study)
            if study is None or study.project != wanted.project:
                raise NotFound("There is no such study.")
        query = _query(wanted, sort=sort, behind=behind, dialect=engine.dialect.name).limit(limit)
        return list(session.scalars(query).unique().all())


def stream_scans(engine: Engine, wanted: ScanFilter) -> Iterator[Scan]:
    """Every scan that is wanted, in order of ids; memory does not grow with their number."""
    behind: Place | None = None
    while True:
        page = page_of_scans(engine, wanted, sort=ScanSort.ID, behind=behind, limit=_STREAM_PAGE)
        yield from page
        if len(page) < _STREAM_PAGE:
            return
        behind = Place(page[-1].id)


def _query(wanted: ScanFilter, *, sort: ScanSort, behind: Place | None, dialect: str) -> Select[Scan]:
    query = select(Scan).options(selectinload(Scan.attempts), selectinload(Scan.newest_correction))
    # Ordered by the id of the table that is filtered, so that its index gives the order too.
    key = Prediction.scan_id if wanted.about_result else Scan.id
    if wanted.about_result:
        query = query.join(Scan.prediction).options(contains_eager(Scan.prediction))
    elif sort.by_confidence:
        query = query.outerjoin(Scan.prediction).options(contains_eager(Scan.prediction))
    else:
        query = query.options(joinedload(Scan.prediction))
    asked = {name: make(value) for name, make in _CONDITIONS.items() if (value := getattr(wanted, name)) is not None}
    if wanted.study is not None and dialect == "sqlite":
        # Hidden from SQLite, which would look for all scans with that state or label rather than for the study's.
        asked |= {
            name: func.coalesce(condition, literal_column("0")) for name, condition in asked.items() if name != "study"
        }
    query = query.where(*asked.values())
    if wanted.batch is None and wanted.study is None:
        # A batch or a study is of one project, and that has been looked at.
        query = query.where(_project_column(wanted, dialect) == wanted.project)
    if behind is not None:
        query = query.where(beyond(sort, behind, key=key.expression, dialect=dialect))
    # Of a study sorted, as no index has its slices in this order.
    order = key.expression if wanted.study is None else func.coalesce(key, key)
    return query.order_by(*ordering(sort, key=order, dialect=dialect))


def _project_column(wanted: ScanFilter, dialect: str) -> ColumnElement[str]:
    """The scan's project; what is asked of results is found by their indexes, which SQLite would pass over for this."""
    if wanted.about_result and dialect == "sqlite":
        return literal_column("+scans.project", String)
    return Scan.project.expression


def _is_corrected() -> ColumnElement[bool]:
    """Whether a reader's label stands beside the scan's; found from the corrections, which are few."""
    return Scan.id.in_(select(Correction.scan_id).where(Correction.label.is_not(None), is_newest(Correction)))
