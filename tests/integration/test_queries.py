"""Querying stored scans: filters, cursors that hold while scans arrive, exports, conditional requests."""

from __future__ import annotations

import csv
import io
import json
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from shared.clock import utc_now
from shared.domain import ScanState, TumorClass
from tests.integration.submissions import finish, submit, submit_many, upload
from tests.integration.test_api import assert_problem


def found(client: FlaskClient, query: str, path: str = "/v1/scans") -> list[UUID]:
    response = client.get(f"{path}?{query}")
    assert response.status_code == 200, response.text
    return [UUID(scan["id"]) for scan in response.get_json()["items"]]


@pytest.fixture
def stored(client: FlaskClient, engine: Engine) -> list[UUID]:
    """Six scans of one batch: sure glioma, doubtful pituitary, sure notumor, rejected, failed, queued."""
    _, ids = submit_many(client, 6)
    finish(engine, ids[:1], label=TumorClass.GLIOMA, confidence=0.95)
    finish(engine, ids[1:2], label=TumorClass.PITUITARY, confidence=0.5, needs_review=True)
    finish(engine, ids[2:3], label=TumorClass.NOTUMOR, confidence=0.8)
    finish(engine, ids[3:4], ScanState.REJECTED)
    finish(engine, ids[4:5], ScanState.FAILED)
    return ids


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [5, 4, 3, 2, 1, 0]),
        ("label=glioma", [0]),
        ("state=rejected", [3]),
        ("min_confidence=0.8", [2, 0]),
        ("max_confidence=0.8", [2, 1]),
        ("min_confidence=0.6&max_confidence=0.9", [2]),
        ("needs_review=true", [1]),
        ("needs_review=false", [2, 0]),
        ("needs_review=false&label=notumor&state=succeeded", [2]),
        ("label=glioma&state=rejected", []),
    ],
)
def test_filters(client: FlaskClient, stored: list[UUID], query: str, expected: list[int]) -> None:
    assert found(client, query) == [stored[n] for n in expected]
    location = client.get("/v1/batches").get_json()["items"][0]["id"]
    assert found(client, query, f"/v1/batches/{location}/scans") == [stored[n] for n in sorted(expected)]


def test_filters_by_batch_and_time(client: FlaskClient) -> None:
    _, first = submit_many(client, 2)
    between = utc_now().isoformat().replace("+00:00", "Z")
    location, second = submit_many(client, 2)
    assert found(client, f"since={between}") == second[::-1]
    assert found(client, f"until={between}") == first[::-1]
    assert found(client, f"batch={location.rsplit('/', 1)[1]}") == second[::-1]
    assert_problem(client.get("/v1/scans?batch=01a20a0b-4fdd-731f-aef1-67dccce5352e"), 404, "not_found")


@pytest.mark.parametrize(
    "query",
    [
        "label=cat",
        "state=done",
        "min_confidence=2",
        "needs_review=perhaps",
        "since=monday",
        "until=0.5",
        "batch=7",
        "labell=glioma",
        "since=2026-01-01T00:00:00",
    ],
)
def test_a_filter_that_means_nothing_is_422(client: FlaskClient, query: str) -> None:
    assert_problem(client.get(f"/v1/scans?{query}"), 422, "invalid_request")


@pytest.mark.parametrize("query", ["", "&needs_review=false"])
def test_a_walk_sees_each_scan_once_while_others_arrive(client: FlaskClient, engine: Engine, query: str) -> None:
    _, first = submit_many(client, 60)
    finish(engine, first)
    seen: list[UUID] = []
    cursor = ""
    while True:
        page = client.get(f"/v1/scans?limit=7{query}{cursor}").get_json()
        seen += [UUID(scan["id"]) for scan in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
        finish(engine, submit_many(client, 2)[1])
    assert [i for i in seen if i in set(first)] == first[::-1]


def test_jsonl_holds_every_scan_as_the_api_shows_it(client: FlaskClient, engine: Engine) -> None:
    location, ids = submit_many(client, 3)
    finish(engine, ids[:2])
    lines = client.get(location + "/results.jsonl").text.splitlines()
    assert [json.loads(line) for line in lines] == client.get(location + "/scans").get_json()["items"]


def test_csv_is_complete_and_runs_no_formula(client: FlaskClient, engine: Engine) -> None:
    location = submit(client, upload("=cmd.png", b"x"), upload("a,b c.png", b"x")).headers["Location"]
    ids = found(client, "", location + "/scans")
    finish(engine, ids[1:], review_reasons=["low_confidence", "far_from_training"], needs_review=True)
    rows = list(csv.DictReader(io.StringIO(client.get(location + "/results.csv").text)))
    assert [row["filename"] for row in rows] == ["'=cmd.png", "a,b c.png"]
    assert rows[0]["label"] == ""
    assert (rows[1]["label"], rows[1]["probability_glioma"], rows[1]["attempts"]) == ("glioma", "0.9", "1")
    assert rows[1]["review_reasons"] == "low_confidence far_from_training"


def test_exports_of_an_unknown_batch_are_404(client: FlaskClient) -> None:
    unknown = "/v1/batches/01a20a0b-4fdd-731f-aef1-67dccce5352e"
    for name in ("results.csv", "results.jsonl"):
        assert_problem(client.get(f"{unknown}/{name}"), 404, "not_found")


def test_a_poll_of_what_has_not_changed_is_304(client: FlaskClient, engine: Engine) -> None:
    location, ids = submit_many(client, 1)
    tag = client.get(location).headers["ETag"]
    assert client.get(location, headers={"If-None-Match": tag}).status_code == 304
    finish(engine, ids)
    changed = client.get(location, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag
