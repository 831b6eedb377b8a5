"""A batch's scans in other orders, found by name and reason; batches found by name and id; numbers for filters."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from shared.domain import ScanState, TumorClass
from shared.settings import Settings
from tests.integration.submissions import finish, submit, submit_many, upload
from tests.integration.test_api import assert_problem

SORTS = ["id", "-id", "confidence", "-confidence", "filename", "-filename"]
NAMES = ["b.png", "a.png", "B.png", "ä.png", "a.png", "c 10%_.png", "c 2.png", "sub/a.png"]


@pytest.fixture
def location(client: FlaskClient, engine: Engine) -> str:
    """Eight scans: five with a result, of which two are equally sure, and three without."""
    path: str = submit(client, *(upload(name, b"x") for name in NAMES)).headers["Location"]
    ids = [UUID(scan["id"]) for scan in client.get(path + "/scans").get_json()["items"]]
    for n, confidence in enumerate((0.7, 0.1 + 0.2, 0.9, 0.7, 1.0)):
        finish(engine, [ids[n]], confidence=confidence)
    finish(engine, [ids[5]], ScanState.REJECTED)
    return path


def walk(client: FlaskClient, path: str, query: str, limit: int = 3) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = client.get(f"{path}?limit={limit}&{query}{cursor}")
        assert answer.status_code == 200, answer.text
        page = answer.get_json()
        seen += page["items"]
        assert len(page["items"]) == limit or page["next"] is None
        if page["next"] is None:
            return seen
        cursor = f"&cursor={page['next']}"


def expected(scans: list[dict[str, Any]], sort: str) -> list[str]:
    """The order that docs/api.md promises; ties stay in the order of ids."""
    by = sort.removeprefix("-")
    without = [scan for scan in scans if scan[by] is None]
    having = sorted((scan for scan in scans if scan[by] is not None), key=lambda scan: scan["id"])
    having.sort(key=lambda scan: scan[by], reverse=sort.startswith("-"))
    return [scan["id"] for scan in having + without]


def test_a_walk_in_any_order_sees_each_scan_once(client: FlaskClient, location: str) -> None:
    scans = client.get(location + "/scans").get_json()["items"]
    for sort in SORTS:
        for limit in (1, 3, 200):
            walked = walk(client, location + "/scans", f"sort={sort}", limit)
            assert [scan["id"] for scan in walked] == expected(scans, sort), (sort, limit)


def test_orders_and_filters_go_together(client: FlaskClient, location: str) -> None:
    scans = client.get(location + "/scans").get_json()["items"]
    sure = [scan for scan in scans if scan["confidence"] is not None and scan["confidence"] >= 0.7]
    for sort in SORTS:
        walked = walk(client, location + "/scans", f"sort={sort}&min_confidence=0.7", 2)
        assert [scan["id"] for scan in walked] == expected(sure, sort), sort


def test_a_cursor_of_another_order_is_refused(client: FlaskClient, location: str) -> None:
    cursors = {sort: client.get(f"{location}/scans?limit=1&sort={sort}").get_json()["next"] for sort in SORTS}
    for sort in SORTS:
        for given_by, cursor in cursors.items():
            answer = client.get(f"{location}/scans?limit=1&sort={sort}&cursor={cursor}")
            if sort == given_by:
                assert answer.status_code == 200
            else:
                assert_problem(answer, 422, "invalid_cursor")


def test_a_cursor_that_nobody_gave_out_is_refused(client: FlaskClient, location: str) -> None:
    # An id and the order -confidence, then NaN, infinity, and half a number; another order; no order at all.
    for more in ("037ff8000000000001", "037ff0000000000000", "03aabb", "63", ""):
        cursor = base64.urlsafe_b64encode(bytes(16) + bytes.fromhex(more)).rstrip(b"=").decode()
        assert_problem(client.get(f"{location}/scans?sort=-confidence&cursor={cursor}"), 422, "invalid_cursor")


def test_what_arrives_in_a_walk_moves_no_other(client: FlaskClient, engine: Engine) -> None:
    path, ids = submit_many(client, 30)
    finish(engine, ids[:10], confidence=0.9)
    finish(engine, ids[10:20], confidence=0.5)
    seen, cursor = [], ""
    for n in range(100):
        page = client.get(f"{path}/scans?limit=4&sort=-confidence{cursor}").get_json()
        seen += [UUID(scan["id"]) for scan in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
        finish(engine, ids[20 + n : 21 + n], confidence=0.7)  # lands amid the order
    assert len(seen) == len(set(seen))
    assert [scan for scan in seen if scan in set(ids[:20])] == ids[:20]


def test_scans_are_found_by_name_and_code(client: FlaskClient, location: str) -> None:
    for query, names in (
        ("filename=a.png", ["a.png", "a.png", "sub/a.png"]),
        ("filename=B.P", ["b.png", "B.png"]),
        ("filename=10%25_", ["c 10%_.png"]),
        ("filename=_", ["c 10%_.png"]),
        ("filename=%C3%A4", ["ä.png"]),
        ("filename=none", []),
        ("code=because", ["c 10%_.png"]),
        ("code=other", []),
    ):
        found = client.get(f"{location}/scans?{query}").get_json()["items"]
        assert [scan["filename"] for scan in found] == names, query


def test_the_longest_name_that_a_setting_allows_fits_into_the_index(client_with: Callable[..., FlaskClient]) -> None:
    most: int = Settings.model_json_schema()["properties"]["max_filename_chars"]["maximum"]
    client = client_with(max_filename_chars=most)
    # Four bytes each in UTF-8, and nothing to compress.
    name = "".join(random.Random(0).choices([chr(code) for code in range(0x20000, 0x2A000)], k=most))
    path = submit(client, upload(name, b"x"), upload("a.png", b"x")).headers["Location"]
    assert [scan["filename"] for scan in walk(client, path + "/scans", "sort=-filename", 1)] == [name, "a.png"]


def test_scans_are_found_by_the_reason_for_review(client: FlaskClient, engine: Engine) -> None:
    path, ids = submit_many(client, 3)
    finish(engine, ids[:1], needs_review=True, review_reasons=["low_confidence", "unlike_training_data"])
    finish(engine, ids[1:2], needs_review=True, review_reasons=["low_confidence"])
    for reason, expected in (("low_confidence", ids[:2]), ("unlike_training_data", ids[:1]), ("confidence", [])):
        found = client.get(f"{path}/scans?review_reason={reason}").get_json()["items"]
        assert [UUID(scan["id"]) for scan in found] == expected, reason


def test_what_means_nothing_is_422(client: FlaskClient, location: str) -> None:
    for query in ("sort=size", "sort=", "filename=", "filename=%00", "code=A", "review_reason=%25"):
        assert_problem(client.get(f"{location}/scans?{query}"), 422, "invalid_request")


def test_a_search_of_all_scans_has_no_order_to_choose(client: FlaskClient) -> None:
    for query in ("sort=confidence", "filename=a", "code=c", "review_reason=r"):
        assert_problem(client.get(f"/v1/scans?{query}"), 422, "invalid_request")


def test_batches_are_found_by_name_and_id(client: FlaskClient) -> None:
    names = ["Trial 1", "trial 2", "100%_done", None]
    fields: list[dict[str, Any]] = [{"name": name} if name else {} for name in names]
    ids = [submit(client, upload("a.png", b"x"), **given).get_json()["id"] for given in fields]

    def found(search: str) -> list[str]:
        items = client.get("/v1/batches", query_string={"search": search}).get_json()["items"]
        return [batch["id"] for batch in items]

    assert found("TRIAL") == [ids[1], ids[0]]
    assert found("%_d") == [ids[2]]
    assert found(ids[3]) == [ids[3]]
    assert found(ids[3].upper().replace("-", "")) == [ids[3]]
    assert set(found(ids[0][:8])) >= {ids[0]}
    assert found(ids[0][:7]) == []
    assert found("ffffffff") == []
    walked = walk(client, "/v1/batches", "search=trial", 1)
    assert [batch["id"] for batch in walked] == [ids[1], ids[0]]
    for nothing in ("", "\x00"):
        assert_problem(client.get("/v1/batches", query_string={"search": nothing}), 422, "invalid_request")


def test_a_summary_counts_what_the_filters_find(client: FlaskClient, engine: Engine) -> None:
    path, ids = submit_many(client, 7)
    empty = client.get(path + "/summary").get_json()
    assert empty["labels"] == {"glioma": 0, "meningioma": 0, "pituitary": 0, "notumor": 0}
    submit_many(client, 2)
    finish(engine, ids[:2])
    finish(engine, ids[2:3], label=TumorClass.NOTUMOR, needs_review=True)
    finish(engine, ids[3:5], ScanState.REJECTED)
    finish(engine, ids[5:6], ScanState.FAILED)
    for scan in ids[:3]:
        client.put(f"/v1/scans/{scan}/correction", json={"label": "glioma"})
    client.delete(f"/v1/scans/{ids[0]}/correction")
    summary = client.get(path + "/summary").get_json()
    assert summary == {
        "labels": {"glioma": 2, "meningioma": 0, "pituitary": 0, "notumor": 1},
        "needs_review": 1,
        "corrected": 2,
        "rejected": {"because": 2},
    }
    for query, number in (("label=glioma", 2), ("needs_review=true", 1), ("corrected=true", 2), ("state=rejected", 2)):
        assert len(client.get(f"{path}/scans?{query}").get_json()["items"]) == number
    assert_problem(client.get("/v1/batches/00000000-0000-0000-0000-000000000000/summary"), 404, "not_found")
