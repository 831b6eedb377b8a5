"""Following a batch: every step once, in order, across reconnects."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from api.callers import local_caller
from api.services import Services
from shared.domain import ScanState
from tests.integration.submissions import finish, submit, submit_many, upload
from tests.integration.test_api import assert_problem


def parse(text: str) -> list[tuple[str, str, Any]]:
    """(id, event, data) of each message that has an id."""
    found = []
    for block in text.split("\n\n"):
        members = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "id" in members:
            found.append((members["id"], members["event"], json.loads(members["data"])))
    return found


def follow(client: FlaskClient, location: str, last: str | None = None) -> list[tuple[str, str, Any]]:
    with client.get(location + "/events", headers={"Last-Event-ID": last} if last else {}) as response:
        assert response.status_code == 200, response.get_data(as_text=True)
        assert response.mimetype == "text/event-stream"
        return parse(response.get_data(as_text=True))


def test_a_stream_tells_every_scan_and_then_the_end(client: FlaskClient, engine: Engine) -> None:
    location = submit(client, upload("../x"), *(upload(f"{n}", b"x") for n in range(4))).headers["Location"]
    ids = [scan["id"] for scan in client.get(location + "/scans").get_json()["items"]]
    for n, state in enumerate((ScanState.SUCCEEDED, ScanState.REJECTED, ScanState.SUCCEEDED, ScanState.FAILED)):
        finish(engine, [UUID(ids[n + 1])], state)
    *steps, (last, event, batch) = follow(client, location)
    assert [number for number, _, _ in steps] == ["1", "2", "3", "4", "5"]
    assert [step["scan_id"] for _, _, step in steps] == ids
    assert [step["state"] for _, _, step in steps] == ["rejected", "succeeded", "rejected", "succeeded", "failed"]
    assert (last, event, batch) == ("5.done", "done", client.get(location).get_json())


def test_a_stream_goes_on_where_the_client_stopped(client: FlaskClient, engine: Engine) -> None:
    location, ids = submit_many(client, 4)
    finish(engine, ids)
    assert [number for number, _, _ in follow(client, location, "2")] == ["3", "4", "4.done"]
    assert [number for number, _, _ in follow(client, location, "4")] == ["4.done"]
    assert client.get(location + "/events", headers={"Last-Event-ID": "4.done"}).status_code == 204


def test_a_stream_waits_for_what_happens_next(client: FlaskClient, engine: Engine) -> None:
    location, ids = submit_many(client, 3)
    later = threading.Timer(0.7, finish, [engine, ids[1:]])
    finish(engine, ids[:1])
    later.start()
    assert [number for number, _, _ in follow(client, location)] == ["1", "2", "3", "3.done"]
    later.join()


def test_a_retry_is_told_to_who_saw_the_end(client: FlaskClient, engine: Engine) -> None:
    location, ids = submit_many(client, 1)
    finish(engine, ids, ScanState.FAILED)
    client.post(location + "/retry")
    finish(engine, ids)
    told = follow(client, location, "1.done")
    assert [(number, step["state"]) for number, _, step in told] == [
        ("2", "queued"),
        ("3", "succeeded"),
        ("3.done", "completed"),
    ]


def test_workers_that_record_at_once_leave_no_gap(client: FlaskClient, engine: Engine) -> None:
    location, ids = submit_many(client, 24)
    threads = [threading.Thread(target=finish, args=(engine, ids[n::4])) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    *steps, _ = follow(client, location)
    assert [number for number, _, _ in steps] == [str(n) for n in range(1, 25)]
    assert {step["scan_id"] for _, _, step in steps} == {str(i) for i in ids}


def test_too_many_streams_are_503_and_free_places_are_given_again(client_with: Callable[..., FlaskClient]) -> None:
    client = client_with(max_event_streams=1)
    location, _ = submit_many(client, 1)
    places = client.application.extensions[Services.EXTENSION].event_streams
    places.take(local_caller(None))
    response = client.get(location + "/events")
    assert_problem(response, 503, "too_many_streams")
    assert int(response.headers["Retry-After"]) > 0
    places.give_back(local_caller(None))
    client.post(location + "/cancel")
    for _ in range(3):
        assert [event for _, event, _ in follow(client, location)] == ["scan", "done"]


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 10])
def test_a_made_up_last_event_id_is_422(client: FlaskClient, last: str) -> None:
    location, _ = submit_many(client, 1)
    assert_problem(client.get(location + "/events", headers={"Last-Event-ID": last}), 422, "invalid_last_event_id")


def test_an_event_that_is_far_off_is_nothing_to_wait_for(client: FlaskClient) -> None:
    location, _ = submit_many(client, 1)
    client.post(location + "/cancel")
    assert client.get(location + "/events", headers={"Last-Event-ID": f"{'9' * 9}.done"}).status_code == 204


def test_events_of_an_unknown_batch_are_404(client: FlaskClient) -> None:
    assert_problem(client.get("/v1/batches/01a20a0b-4fdd-731f-aef1-67dccce5352e/events"), 404, "not_found")
