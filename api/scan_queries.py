"""Pages and streams of the scans that a client asked for.

A page is found first, from indexes alone as far as that goes, and its scans are read after: so a page costs what it
holds, not what it was chosen from. How pages are cut is told in `api.scan_orders`, what can be asked in `api.scan_filters`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Engine, Select, func, literal_column, select
from sqlalchemy.orm import Session, joinedload, selectinload

from api.scan_filters import ScanFilter, ids_within
from api.scan_orders import Place, ScanSort, beyond, ordering, sorted_by
from api.stored_scans import StoredScan, stored_scans
from shared.db.models import Batch, Prediction, Scan, Study
from shared.db.session import reading
from shared.domain import ScanState
from shared.errors import NotFound

# How a single scan is loaded to be answered as a document.
WITH_RESULT = (joinedload(Scan.prediction), selectinload(Scan.attempts), selectinload(Scan.newest_correction))

_STREAM_PAGE = 500
_WITHOUT_RESULT = [state for state in ScanState if state is not ScanState.SUCCEEDED]


def page_of_scans(
    engine: Engine, wanted: ScanFilter, *, sort: ScanSort, behind: Place | None, limit: int
) -> list[StoredScan]:
    """Up to `limit` scans with results, attempts and corrections, in order, from behind a place in it.

    Raises NotFound for a batch or a study that does not exist.
    """
    with reading(engine) as session:
        _check(session, wanted)
        found: list[StoredScan] = []
        for part in _parts(session, wanted, sort=sort, behind=behind):
            found += stored_scans(session, part.limit(limit - len(found)), sort=sort)
            if len(found) == limit:
                break
        return found


def stream_scans(engine: Engine, wanted: ScanFilter) -> Iterator[StoredScan]:
    """Every scan that is wanted, in order of ids; memory does not grow with their number."""
    behind: Place | None = None
    while True:
        page = page_of_scans(engine, wanted, sort=ScanSort.ID, behind=behind, limit=_STREAM_PAGE)
        yield from page
        if len(page) < _STREAM_PAGE:
            return
        behind = Place(page[-1].id)


def _check(session: Session, wanted: ScanFilter) -> None:
    for table, wanted_id, what in ((Batch, wanted.batch, "batch"), (Study, wanted.study, "study")):
        if wanted_id is not None:
            project = session.scalar(select(table.project).where(table.id == wanted_id))
            if project != wanted.project:
                raise NotFound(f"There is no such {what}.")


def _parts(session: Session, wanted: ScanFilter, *, sort: ScanSort, behind: Place | None) -> Iterator[Select[Any]]:
    """Queries for the ids that are wanted, whose answers follow each other in the order."""
    if wanted.is_contradictory:
        return
    page = _Page(wanted, sort=sort, behind=behind, dialect=session.get_bind().dialect.name)
    if wanted.batch is None and wanted.study is None and (wanted.since is not None or wanted.until is not None):
        within = ids_within(session, wanted)
        if within is None:
            return
        page = replace(page, within=within)
    if sort.by_filename and behind is not None:
        name = session.scalar(select(Scan.filename).where(Scan.id == behind.id))
        if name is None:
            return  # deleted meanwhile
        page = replace(page, value=name)
    if wanted.about_result:
        yield page.of_results()
    elif not sort.by_confidence:
        yield page.of_scans()
    else:
        if (behind is None or behind.confidence is not None) and wanted.state in {None, ScanState.SUCCEEDED}:
            yield page.of_results()
        if wanted.state is not ScanState.SUCCEEDED:
            yield page.without_result()


@dataclass(frozen=True)
class _Page:
    """What all parts of a page's query are made from; `value` is what it is sorted by at the place `behind`."""

    wanted: ScanFilter
    sort: ScanSort
    behind: Place | None
    dialect: str
    within: tuple[UUID, UUID] | None = None
    value: object = None

    def of_results(self) -> Select[Any]:
        """Found around the predictions, whose indexes hold all that results are filtered by."""
        asked = self.wanted.conditions_on_scans()
        asked.pop("state", None)  # it succeeded
        key = Prediction.scan_id.expression
        query = select(key.label("id")).where(*self.wanted.conditions_on_results())
        if asked or self.sort.by_filename:
            query = query.join(Scan, Scan.id == Prediction.scan_id)
        return self._finish(query, asked, key=key, batch=Prediction.batch_id.expression, project=Prediction.project)

    def of_scans(self) -> Select[Any]:
        """Found around the scans themselves."""
        return self._finish(
            select(Scan.id),
            self.wanted.conditions_on_scans(),
            key=Scan.id.expression,
            batch=Scan.batch_id.expression,
            project=Scan.project,
        )

    def without_result(self) -> Select[Any]:
        """Those that come last by confidence, among themselves in the order of ids."""
        behind = self.behind if self.behind is not None and self.behind.confidence is None else None
        page = replace(self, sort=ScanSort.ID, behind=behind)
        return page.of_scans().where(Scan.state.in_(_WITHOUT_RESULT))

    def _finish(
        self,
        query: Select[Any],
        asked: dict[str, ColumnElement[bool]],
        *,
        key: ColumnElement[UUID],
        batch: ColumnElement[UUID],
        project: Any,
    ) -> Select[Any]:
        if self.wanted.batch is not None:
            asked["batch"] = batch == self.wanted.batch
        elif self.wanted.study is None:
            # A batch or a study is of one project, and that has been looked at.
            query = query.where(project == self.wanted.project)
        if (corrected := self.wanted.condition_on_corrections(key)) is not None:
            asked["corrected"] = corrected
        if self.within is not None:
            query = query.where(key.between(*self.within))
        by = sorted_by(self.sort, dialect=self.dialect)
        if by is not None:
            query = query.add_columns(by.label("by"))
        if self.behind is not None:
            value = self.behind.confidence if self.sort.by_confidence else self.value
            query = query.where(beyond(self.sort, self.behind, key=key, by=by, value=value))
        if self.wanted.study is not None:
            return self._of_study(query, asked).order_by(*ordering(self.sort, key=func.coalesce(key, key), by=by))
        return query.where(*asked.values()).order_by(*ordering(self.sort, key=key, by=by))

    def _of_study(self, query: Select[Any], asked: dict[str, ColumnElement[bool]]) -> Select[Any]:
        """Found by the study's own index, and sorted, as no index has its slices in this order."""
        if self.dialect == "sqlite":
            # Hidden from SQLite, which would look for all scans with that state rather than for the study's.
            asked = {
                name: condition if name == "study" else func.coalesce(condition, literal_column("0"))
                for name, condition in asked.items()
            }
        return query.where(*asked.values())
