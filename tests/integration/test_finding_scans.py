"""Scans are found by any filter and pair of filters: exactly those, in order, once, however they are looked for."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, delete, event, update

from api.scan_filters import ScanFilter
from api.scan_orders import Place, ScanSort, place_of
from api.scan_pages import PageQueries
from api.scan_queries import page_of_scans
from api.schemas.scans import ScanList
from api.stored_scans import StoredScan
from shared.clock import utc_now
from shared.db import queries
from shared.db.models import LOCAL_PROJECT, Batch, Scan
from shared.db.session import make_engine, reading, transaction
from shared.domain import ScanState, TumorClass
from tests.integration.submissions import finish, submit_many

FILTERS: dict[str, list[Any]] = {
    "label": [TumorClass.GLIOMA, TumorClass.PITUITARY],
    "min_confidence": [0.3, 0.9],
    "max_confidence": [0.3],
    "needs_review": [True, False],
    "corrected": [True, False],
    "state": [ScanState.SUCCEEDED, ScanState.FAILED, ScanState.QUEUED],
}


@pytest.fixture
def stored(client: FlaskClient, engine: Engine) -> list[StoredScan]:
    """Two batches of all kinds of scans, the newest first."""
    for _ in range(2):
        _, ids = submit_many(client, 12)
        for n, scan_id in enumerate(ids[:8]):
            label = TumorClass.GLIOMA if n % 2 else TumorClass.NOTUMOR
            finish(engine, [scan_id], label=label, confidence=n / 8, needs_review=n % 3 == 0)
        finish(engine, ids[8:10], ScanState.FAILED)
        for scan_id in ids[:3]:
            client.put(f"/v1/scans/{scan_id}/correction", json={"label": "glioma"})
        client.put(f"/v1/scans/{ids[1]}/correction", json={"label": "pituitary"})
        client.delete(f"/v1/scans/{ids[2]}/correction")
    return page_of_scans(engine, ScanFilter(LOCAL_PROJECT), sort=ScanSort.ID_DOWN, behind=None, limit=100)


def fulfils(scan: StoredScan, asked: dict[str, Any]) -> bool:
    """What docs/api.md says of the filters."""
    result, said = scan.prediction, scan.newest_correction
    looks = {
        "state": lambda value: scan.state == value,
        "corrected": lambda value: (said is not None and said.label is not None) == value,
        "label": lambda value: result is not None and result.label == value,
        "min_confidence": lambda value: result is not None and result.confidence >= value,
        "max_confidence": lambda value: result is not None and result.confidence <= value,
        "needs_review": lambda value: result is not None and result.needs_review == value,
    }
    return all(looks[name](value) for name, value in asked.items())


def walk(engine: Engine, wanted: ScanFilter, *, sort: ScanSort, limit: int, newest: int) -> list[UUID]:
    seen: list[UUID] = []
    behind: Place | None = None
    while True:
        page = page_of_scans(engine, wanted, sort=sort, behind=behind, limit=limit, newest=newest)
        seen += [scan.id for scan in page]
        if len(page) < limit:
            return seen
        last = page[-1]
        behind = place_of(sort, last.id, confidence=last.prediction.confidence if last.prediction else None)


def test_filters_and_pairs_of_filters_find_exactly_what_they_say(engine: Engine, stored: list[StoredScan]) -> None:
    single = [{name: value} for name, values in FILTERS.items() for value in values]
    pairs = [one | other for one, other in combinations(single, 2) if one.keys() != other.keys()]
    for asked in [{}, *single, *pairs]:
        expected = [scan.id for scan in stored if fulfils(scan, asked)]
        wanted = ScanFilter(LOCAL_PROJECT, **asked)
        # Some found among the newest results, some beyond; in one page, and cut in the middle of both.
        for limit, newest in ((100, 100), (100, 5), (2, 3)):
            assert walk(engine, wanted, sort=ScanSort.ID_DOWN, limit=limit, newest=newest) == expected, (asked, newest)


def test_results_come_before_scans_without_one_whatever_is_asked(engine: Engine, stored: list[StoredScan]) -> None:
    batch = stored[0].batch_id
    mine = [scan for scan in reversed(stored) if scan.batch_id == batch]
    for asked in ({}, *({name: value} for name, values in FILTERS.items() for value in values)):
        found = [scan for scan in mine if fulfils(scan, asked)]
        sure = sorted((s for s in found if s.prediction), key=lambda s: s.prediction.confidence if s.prediction else 0)
        expected = [scan.id for scan in (*sure, *(scan for scan in found if not scan.prediction))]
        wanted = ScanFilter(LOCAL_PROJECT, batch=batch, **asked)
        assert walk(engine, wanted, sort=ScanSort.CONFIDENCE, limit=3, newest=2) == expected, asked


def test_a_page_does_not_see_what_happens_between_finding_scans_and_reading_them(
    engine: Engine, stored: list[StoredScan]
) -> None:
    wanted = ScanFilter(LOCAL_PROJECT, state=ScanState.QUEUED)
    queued = [scan.id for scan in stored if fulfils(scan, {"state": ScanState.QUEUED})]
    happened: list[str] = []

    def change_all(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not happened and statement.startswith("SELECT scans.id") and "LIMIT" in statement:
            happened.append("one gets its result, another is removed")
            other = make_engine(engine.url.render_as_string(hide_password=False))
            finish(other, [queued[0]])
            with transaction(other) as session:
                session.execute(delete(Scan).where(Scan.id == queued[1]))
            other.dispose()

    event.listen(engine, "after_cursor_execute", change_all)
    page = page_of_scans(engine, wanted, sort=ScanSort.ID_DOWN, behind=None, limit=100)
    assert happened
    assert [(scan.id, scan.state) for scan in page] == [(scan_id, ScanState.QUEUED) for scan_id in queued]
    after = page_of_scans(engine, wanted, sort=ScanSort.ID_DOWN, behind=None, limit=100)
    assert [scan.id for scan in after] == queued[2:]


def test_a_page_is_what_its_schema_says_although_it_is_not_validated(
    client: FlaskClient, stored: list[StoredScan]
) -> None:
    page = client.get("/v1/scans?limit=100")
    assert page.data == ScanList.model_validate_json(page.data).model_dump_json().encode()
    assert page.json is not None
    assert page.json["items"] == [client.get(f"/v1/scans/{scan.id}").json for scan in stored]


def test_times_are_found_whatever_the_ids_say(client: FlaskClient, engine: Engine) -> None:
    """A clock that was set back, and batches that do not tell their ids."""
    long_ago = utc_now() - timedelta(days=365)
    (_, today), (path, set_back), (other, untold) = (submit_many(client, 2) for _ in range(3))
    with transaction(engine) as session:
        for location in (path, other):
            batch_id = UUID(location.rsplit("/", 1)[1])
            session.execute(update(Batch).where(Batch.id == batch_id).values(created_at=long_ago))
            session.execute(update(Scan).where(Scan.batch_id == batch_id).values(created_at=long_ago))
        session.execute(update(Batch).where(Batch.id == batch_id).values(first_scan_id=None, last_scan_id=None))
    finish(engine, [*today, *set_back, *untold])
    middle = (long_ago + timedelta(days=1)).isoformat()

    def found(**asked: str) -> list[UUID]:
        return [UUID(s["id"]) for s in client.get("/v1/scans", query_string=asked).get_json()["items"]]

    for more in ({}, {"label": "glioma"}, {"min_confidence": "0.5"}, {"state": "succeeded"}):
        assert found(until=middle, **more) == [*reversed(untold), *reversed(set_back)]
        assert found(since=middle, **more) == [*reversed(today)]
        assert found(until="2020-01-01T00:00:00Z", **more) == []


def test_a_batch_tells_the_ids_of_its_scans(client: FlaskClient, engine: Engine) -> None:
    path, ids = submit_many(client, 5)
    with reading(engine) as session:
        batch = session.get_one(Batch, UUID(path.rsplit("/", 1)[1]))
    assert (batch.first_scan_id, batch.last_scan_id) == (ids[0], ids[-1])


def test_polls_and_filters_are_answered_from_indexes_alone(migrated_sqlite: Path) -> None:
    engine = make_engine(f"sqlite:///{migrated_sqlite}")

    def plan(query: Any) -> str:
        text = str(query.compile(engine, compile_kwargs={"literal_binds": True}))
        with engine.connect() as connection:
            return str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all())

    def page(**asked: Any) -> PageQueries:
        return PageQueries(ScanFilter("p", **asked), sort=ScanSort.ID_DOWN, behind=None, dialect="sqlite")

    counted = plan(queries.PROGRESS.params(batch_ids=[UUID(int=1)]))
    assert "COVERING INDEX ix_scans_batch_id_state" in counted
    labelled = plan(page(label=TumorClass.GLIOMA).of_results())
    assert "COVERING INDEX ix_predictions_project_label_scan_id" in labelled
    assert "TEMP B-TREE" not in labelled
    assert "COVERING INDEX ix_predictions_project_scan_id" in plan(page(max_confidence=0.5).of_newest_results(10))
    rare_of_label = plan(page(label=TumorClass.GLIOMA, max_confidence=0.5).of_newest_results(10))
    assert "COVERING INDEX ix_predictions_project_label_scan_id" in rare_of_label
    assert "COVERING INDEX" in plan(page(needs_review=True).of_results())
    named = ScanFilter("p", batch=UUID(int=1), filename="part")
    for behind in (None, Place(UUID(int=2))):
        by_name = PageQueries(named, sort=ScanSort.FILENAME_DOWN, behind=behind, dialect="sqlite")
        assert "COVERING INDEX ix_scans_batch_id_id" in plan(by_name.of_scans())
    engine.dispose()
