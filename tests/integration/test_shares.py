"""What one key or project may take: requests, scans that wait, bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from flask.testing import FlaskClient
from sqlalchemy import Engine

from api.callers import Caller
from api.rates import TokenBuckets
from api.services import Services
from shared.domain import ScanState
from tests.integration.keys import make_key, with_key
from tests.integration.submissions import finish, submit, submit_many, upload
from tests.integration.test_api import assert_problem, nothing_stored


def test_a_key_that_asks_too_often_waits(client_with: Callable[..., FlaskClient], engine: Engine) -> None:
    client = client_with(max_requests_per_s=1, max_request_burst=3)
    # At a standstill: on a slow machine a token would come back meanwhile.
    buckets = TokenBuckets(per_s=1, burst=3, now_s=lambda: 0.0)
    extensions = client.application.extensions
    extensions[Services.EXTENSION] = replace(extensions[Services.EXTENSION], buckets=buckets)
    greedy, other = (with_key(client, make_key(engine, "p")) for _ in range(2))
    answers = [greedy.get("/v1/batches") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"requests";q=3;w=3'
    assert answers[0].headers["RateLimit"] == '"requests";r=2;t=1'
    problem = assert_problem(answers[3], 429, "rate_limited")
    assert (problem["limit"], problem["value"]) == ("max_requests_per_s", 1)
    assert answers[3].headers["Retry-After"] == "1"
    assert answers[3].headers["RateLimit"].startswith('"requests";r=0;')
    assert other.get("/v1/batches").status_code == 200
    assert "RateLimit" not in client.get("/v1/batches").headers, "without a key there is no share to keep"


def test_a_project_holds_some_of_the_threads_and_not_all(
    client_with: Callable[..., FlaskClient], engine: Engine
) -> None:
    client = client_with(max_uploads_per_project=1)
    mine, other = (with_key(client, make_key(engine, project)) for project in ("p", "q"))
    caller = Caller("p", frozenset(), key_id="k", request_id=None)
    with client.application.extensions["neurobatch"].upload_places.hold(caller):
        answer = submit(mine, upload("a.png"))
        assert_problem(answer, 429, "too_many_uploads")
        assert answer.headers["Retry-After"] == "1"
        assert submit(other, upload("a.png")).status_code == 202
    assert submit(mine, upload("a.png"), metadata="[").status_code == 422
    assert submit(mine, upload("a.png")).status_code == 202


def test_a_projects_queue_is_bounded(client_with: Callable[..., FlaskClient], engine: Engine) -> None:
    client = client_with(max_unfinished_scans=3)
    _, ids = submit_many(client, 2)
    other = with_key(client, make_key(engine, "p"))
    submit_many(other, 3)
    answer = submit(client, upload("c.png"), upload("d.png"))
    problem = assert_problem(answer, 429, "quota_exceeded")
    assert (problem["limit"], problem["value"]) == ("max_unfinished_scans", 3)
    assert int(answer.headers["Retry-After"]) > 0
    assert len(client.get("/v1/batches").get_json()["items"]) == 1
    assert submit(client, upload("c.png")).status_code == 202
    assert_problem(submit(client, upload("d.png")), 429, "quota_exceeded")
    finish(engine, ids, ScanState.REJECTED)
    assert submit(client, upload("d.png")).status_code == 202


def test_a_projects_store_is_bounded_and_deleting_makes_room(
    client_with: Callable[..., FlaskClient], engine: Engine
) -> None:
    client = client_with(max_stored_bytes=100)
    first = submit(client, upload("a.png", b"x" * 60), headers={"Idempotency-Key": "k"})
    problem = assert_problem(submit(client, upload("b.png", b"x" * 50)), 429, "quota_exceeded")
    assert (problem["limit"], problem["value"]) == ("max_stored_bytes", 100)
    assert submit(client, upload("b.png", b"x" * 40)).status_code == 202
    again = submit(client, upload("a.png", b"x" * 60), headers={"Idempotency-Key": "k"})
    assert again.get_json()["id"] == first.get_json()["id"], "what was accepted needs no room"
    assert client.delete(first.headers["Location"]).get_json()["size_bytes"] == 60
    assert submit(client, upload("b.png", b"x" * 50)).status_code == 202


def test_what_a_quota_refuses_leaves_nothing(
    client_with: Callable[..., FlaskClient], engine: Engine, make_settings: Callable[..., object]
) -> None:
    client = client_with(max_stored_bytes=10)
    assert_problem(submit(client, upload("b.png", b"x" * 50)), 429, "quota_exceeded")
    assert nothing_stored(make_settings(), engine)  # type: ignore[arg-type]
