"""What a reader says of a scan stands beside the prediction, is kept for good, and is nobody's business in the log."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from shared.db.models import AuditEntry, Correction
from shared.db.session import reading
from shared.domain import ScanState
from shared.keys import Scope
from tests.integration.keys import key_id, make_key, with_key
from tests.integration.submissions import finish, submit_many
from tests.integration.test_api import assert_problem

NOTE = "Rand des Infarkts, Frau Müller"


@pytest.fixture
def succeeded(client: FlaskClient, engine: Engine) -> list[UUID]:
    """Three scans that were classified as glioma."""
    _, ids = submit_many(client, 3)
    finish(engine, ids)
    return ids


def correct(client: FlaskClient, scan: UUID, label: str = "notumor", **more: Any) -> TestResponse:
    return client.put(f"/v1/scans/{scan}/correction", json={"label": label, **more})


def history(engine: Engine, scan: UUID) -> list[tuple[Any, ...]]:
    with reading(engine) as session:
        rows = session.scalars(select(Correction).where(Correction.scan_id == scan).order_by(Correction.number)).all()
    return [(row.number, row.label, row.note, row.actor) for row in rows]


def audit(engine: Engine) -> list[tuple[Any, ...]]:
    with reading(engine) as session:
        rows = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    return [(row.action, row.subject) for row in rows if row.action.startswith("scan.")]


def test_a_correction_stands_beside_the_prediction(client: FlaskClient, succeeded: list[UUID]) -> None:
    before = client.get(f"/v1/scans/{succeeded[0]}").get_json()
    assert before["correction"] is None
    answer = correct(client, succeeded[0], note=NOTE)
    assert answer.status_code == 200
    after = answer.get_json()
    assert after["correction"] | {"at": ""} == {"label": "notumor", "note": NOTE, "by": "local", "at": ""}
    assert {**after, "correction": None} == before, "nothing else changed"
    assert client.get(f"/v1/scans/{succeeded[0]}").get_json() == after
    listed = client.get(f"/v1/batches/{before['batch_id']}/scans").get_json()["items"]
    assert [scan["correction"] for scan in listed] == [after["correction"], None, None]


def test_the_newest_counts_and_all_are_kept(client: FlaskClient, engine: Engine, succeeded: list[UUID]) -> None:
    scan = succeeded[0]
    correct(client, scan, "notumor", note=NOTE)
    correct(client, scan, "notumor", note=NOTE)  # sent again after a lost answer
    assert correct(client, scan, "glioma").get_json()["correction"]["label"] == "glioma", "a confirmation"
    withdrawn = client.delete(f"/v1/scans/{scan}/correction")
    assert (withdrawn.status_code, withdrawn.get_json()["correction"]) == (200, None)
    client.delete(f"/v1/scans/{scan}/correction")
    assert history(engine, scan) == [
        (1, "notumor", NOTE, "local"),
        (2, "glioma", None, "local"),
        (3, None, None, "local"),
    ]
    assert correct(client, scan, "pituitary").get_json()["correction"]["label"] == "pituitary"
    said, back = ("scan.corrected", str(scan)), ("scan.correction_withdrawn", str(scan))
    assert audit(engine) == [said, said, back, said]


def test_scans_are_found_by_whether_they_were_corrected(client: FlaskClient, succeeded: list[UUID]) -> None:
    correct(client, succeeded[0])
    correct(client, succeeded[1])
    client.delete(f"/v1/scans/{succeeded[1]}/correction")
    batch = client.get("/v1/batches").get_json()["items"][0]["id"]
    for path in (f"/v1/batches/{batch}/scans", "/v1/scans"):
        for query, expected in (
            ("corrected=true", [succeeded[0]]),
            ("corrected=false", succeeded[1:]),
            ("corrected=true&label=glioma", [succeeded[0]]),
            ("corrected=true&label=notumor", []),
            ("corrected=false&needs_review=false", succeeded[1:]),
        ):
            found = [UUID(scan["id"]) for scan in client.get(f"{path}?{query}").get_json()["items"]]
            assert sorted(found) == expected, (path, query)


def test_exports_hold_it(client: FlaskClient, succeeded: list[UUID]) -> None:
    correct(client, succeeded[0], "meningioma", note="=a formula")
    location = f"/v1/batches/{client.get('/v1/batches').get_json()['items'][0]['id']}"
    rows = list(csv.DictReader(io.StringIO(client.get(location + "/results.csv").text)))
    assert [(r["label"], r["corrected_label"], r["correction_note"]) for r in rows] == [
        ("glioma", "meningioma", "'=a formula"),
        ("glioma", "", ""),
        ("glioma", "", ""),
    ]
    lines = [json.loads(line) for line in client.get(location + "/results.jsonl").text.splitlines()]
    assert [line["correction"] and line["correction"]["label"] for line in lines] == ["meningioma", None, None]


@pytest.mark.parametrize("state", [ScanState.REJECTED, ScanState.FAILED, None])
def test_only_a_result_can_be_corrected(client: FlaskClient, engine: Engine, state: ScanState | None) -> None:
    _, (scan,) = submit_many(client, 1)
    if state is not None:
        finish(engine, [scan], state)
    assert_problem(correct(client, scan), 409, "no_result")
    assert client.delete(f"/v1/scans/{scan}/correction").get_json()["correction"] is None
    assert history(engine, scan) == []


def test_of_an_unknown_scan_nothing_can_be_said(client: FlaskClient) -> None:
    assert_problem(correct(client, uuid4()), 404, "not_found")
    assert_problem(client.delete(f"/v1/scans/{uuid4()}/correction"), 404, "not_found")


def test_what_cannot_be_kept_is_422(client: FlaskClient, engine: Engine, succeeded: list[UUID]) -> None:
    for body, code in (
        ({"label": "cat"}, "invalid_request"),
        ({}, "invalid_request"),
        ({"label": None}, "invalid_request"),
        ({"label": "glioma", "note": 7}, "invalid_request"),
        ({"label": "glioma", "more": 1}, "invalid_request"),
        ({"label": "glioma", "note": "a\x00b"}, "invalid_note"),
        ({"label": "glioma", "note": "\ud800"}, "invalid_note"),
        ({"label": "glioma", "note": "n" * 2001}, "field_too_long"),
    ):
        problem = assert_problem(client.put(f"/v1/scans/{succeeded[0]}/correction", json=body), 422, code)
    assert (problem["limit"], problem["value"]) == ("max_note_chars", 2000)
    assert history(engine, succeeded[0]) == []


def test_a_scan_is_corrected_so_often_and_what_stands_can_be_taken_back(
    client_with: Callable[..., FlaskClient], engine: Engine
) -> None:
    client = client_with(max_corrections_per_scan=2)
    _, (scan,) = submit_many(client, 1)
    finish(engine, [scan])
    assert [correct(client, scan, note=note).status_code for note in ("a", "b")] == [200, 200]
    problem = assert_problem(correct(client, scan, note="c"), 413, "limit_exceeded")
    assert (problem["limit"], problem["value"]) == ("max_corrections_per_scan", 2)
    assert client.delete(f"/v1/scans/{scan}/correction").status_code == 200
    assert [row[1:3] for row in history(engine, scan)] == [("notumor", "a"), ("notumor", "b"), (None, None)]


def test_a_blank_note_is_none_and_a_long_one_is_kept_as_typed(client: FlaskClient, succeeded: list[UUID]) -> None:
    assert correct(client, succeeded[0], note=" \n").get_json()["correction"]["note"] is None
    note = "𝔐" * 2000
    assert correct(client, succeeded[0], note=note).get_json()["correction"]["note"] == note


def test_who_may_read_may_not_correct(client_with: Callable[..., FlaskClient], engine: Engine) -> None:
    keyed = client_with(require_keys=True)
    writer_key = make_key(engine, "p", Scope.SUBMIT, Scope.READ)
    writer, reader = with_key(keyed, writer_key), with_key(keyed, make_key(engine, "p", Scope.READ))
    _, (scan,) = submit_many(writer, 1)
    finish(engine, [scan])
    assert_problem(correct(reader, scan), 403, "scope_missing")
    assert correct(writer, scan).get_json()["correction"]["by"] == key_id(writer_key)
    assert reader.get(f"/v1/scans/{scan}").get_json()["correction"]["label"] == "notumor"


def test_a_note_is_in_no_log_and_goes_with_its_batch(
    client: FlaskClient,
    engine: Engine,
    succeeded: list[UUID],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    batch = correct(client, succeeded[0], note=NOTE).get_json()["batch_id"]
    correct(client, succeeded[0], note=NOTE + "\x00")
    written = caplog.text + "".join(capfd.readouterr())
    assert str(succeeded[0]) in written, "the requests themselves are logged"
    assert "Müller" not in written
    assert client.delete(f"/v1/batches/{batch}").status_code == 200
    assert history(engine, succeeded[0]) == []
