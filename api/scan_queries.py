"""Pages and streams of the scans that a client asked for.

A page is found first, from indexes alone as far as that goes, and its scans are read after: so a page costs what it
holds, not what it was chosen from. How pages are cut is told in `api.scan_orders`, how they are found in
`api.scan_pages`, what can be asked in `api.scan_filters`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Select, select
from sqlalchemy.orm import Session, joinedload, selectinload

from api.scan_filters import ScanFilter, ids_within
from api.scan_orders import Place, ScanSort
from api.scan_pages import NEWEST, PageQueries
from api.stored_scans import StoredScan, stored_scans
from shared.db.models import Batch, Scan, Study
from shared.db.session import reading
from shared.domain import ScanState
from shared.errors import NotFound, Unauthorized

# How a single scan is loaded to be answered as a document.
WITH_RESULT = (joinedload(Scan.prediction), selectinload(Scan.attempts), selectinload(Scan.newest_correction))

_STREAM_PAGE = 500


def page_of_scans(
    engine: Engine, wanted: ScanFilter, *, sort: ScanSort, behind: Place | None, limit: int, newest: int = NEWEST
) -> list[StoredScan]:
    """Up to `limit` scans with results, attempts and corrections, in order, from behind a place in it.

    So many of the `newest` results are looked through before the rare ones of all are. Raises NotFound for a batch or a
    study that does not exist.
    """
    # Scans change and go: those that are found and what is told of them are of one state.
    with reading(engine, one_state=True) as session:
        _check(session, wanted)
        ids: list[UUID] = []
        for part in _parts(session, wanted, sort=sort, behind=behind, newest=newest):
            ids += session.connection().execute(part.limit(limit - len(ids))).scalars().all()
            if len(ids) == limit:
                break
        return stored_scans(session, ids) if ids else []


def stream_scans(engine: Engine, wanted: ScanFilter, *, may_go_on: Callable[[], bool]) -> Iterator[StoredScan]:
    """Every scan that is wanted, in order of ids; memory does not grow with their number.

    Unauthorized in the middle where it may not go on: an answer that just ended would look whole.
    """
    behind: Place | None = None
    while True:
        if not may_go_on():
            raise Unauthorized("The key or the session has ended meanwhile.", code="key_invalid")
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


def _parts(
    session: Session, wanted: ScanFilter, *, sort: ScanSort, behind: Place | None, newest: int
) -> Iterator[Select[Any]]:
    """Queries for the ids that are wanted, whose answers follow each other in the order."""
    if wanted.is_contradictory:
        return
    page = PageQueries(wanted, sort=sort, behind=behind, dialect=session.get_bind().dialect.name)
    everywhere = wanted.batch is None and wanted.study is None
    if everywhere and (wanted.since is not None or wanted.until is not None):
        within = ids_within(session, wanted)
        if within is None:
            return
        page = replace(page, within=within)
    if wanted.corrected:
        yield page.of_corrections()
    elif wanted.about_result and everywhere and not wanted.has_index:
        yield page.of_newest_results(newest)
        last = session.scalar(page.last_of_newest(newest))
        if last is not None:
            yield replace(page, behind=Place(last)).of_results(in_order=False)
    elif wanted.about_result:
        yield page.of_results()
    elif not sort.by_confidence:
        yield page.of_scans()
    else:
        if (behind is None or behind.confidence is not None) and wanted.state in {None, ScanState.SUCCEEDED}:
            yield page.of_results()
        if wanted.state is not ScanState.SUCCEEDED:
            yield page.without_result()
