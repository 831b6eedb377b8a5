"""What one key or project may take: requests, scans that wait, bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from api.callers import Caller
from api.rates import TokenBuckets
from api.services import Services
from shared.domain import ScanState
from tests.integration.keys import make_key, with_key
from tests.integration.submissions import finish, submit, submit_many, upload
from tests.integration.test_api import assert_problem, nothing_stored

ROW_BYTES = 1024 + len("a.png")  # what a scan counts beside its file
SOMEBODY_OF_P = Caller("p", frozenset(), key_id="k", request_id=None)


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
    with services_of(client).uploads.hold(SOMEBODY_OF_P):
        answer = submit(mine, upload("a.png"))
        problem = assert_problem(answer, 429, "too_many_uploads")
        assert (problem["limit"], problem["value"]) == ("max_uploads_per_project", 1)
        assert answer.headers["Retry-After"] == "1"
        assert submit(other, upload("a.png")).status_code == 202
    assert submit(mine, upload("a.png"), metadata="[").status_code == 422
    assert submit(mine, upload("a.png")).status_code == 202


def test_a_project_takes_half_of_the_event_streams_and_pictures(
    client_with: Callable[..., FlaskClient], engine: Engine
) -> None:
    client = client_with(max_event_streams=2, max_pictures=3)
    mine, other = (with_key(client, make_key(engine, project)) for project in ("p", "q"))
    services = services_of(client)
    for places, limit, code, path in (
        (services.event_streams, "max_event_streams", "too_many_streams", "/v1/batches/{batch}/events"),
        (services.pictures, "max_pictures", "too_many_pictures", "/v1/scans/{scan}/image"),
    ):
        with places.hold(SOMEBODY_OF_P):
            answer = mine.get(path.format(**ended_scan(mine)))
            problem = assert_problem(answer, 429, code)
            assert (problem["limit"], problem["value"]) == (limit, getattr(services.settings, limit))
            assert answer.headers["Retry-After"] == "1"
            for _ in range(3):
                with other.get(path.format(**ended_scan(other))) as granted:
                    assert granted.status_code == 200
        with mine.get(path.format(**ended_scan(mine))) as granted:
            assert granted.status_code == 200


def services_of(client: FlaskClient) -> Services:
    services: Services = client.application.extensions[Services.EXTENSION]
    return services


def ended_scan(client: FlaskClient) -> dict[str, str]:
    batch = submit(client, upload()).get_json()["id"]
    client.post(f"/v1/batches/{batch}/cancel")
    (scan,) = client.get(f"/v1/batches/{batch}/scans").get_json()["items"]
    return {"batch": batch, "scan": scan["id"]}


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
    most = 100 + 2 * ROW_BYTES
    client = client_with(max_stored_bytes=most)
    first = submit(client, upload("a.png", b"x" * 60), headers={"Idempotency-Key": "k"})
    problem = assert_problem(submit(client, upload("b.png", b"x" * 50)), 429, "quota_exceeded")
    assert (problem["limit"], problem["value"]) == ("max_stored_bytes", most)
    assert submit(client, upload("b.png", b"x" * 40)).status_code == 202
    again = submit(client, upload("a.png", b"x" * 60), headers={"Idempotency-Key": "k"})
    assert again.get_json()["id"] == first.get_json()["id"], "what was accepted needs no room"
    assert client.delete(first.headers["Location"]).get_json()["size_bytes"] == 60
    assert submit(client, upload("b.png", b"x" * 50)).status_code == 202


def test_rejected_scans_and_metadata_take_of_the_store_too(client_with: Callable[..., FlaskClient]) -> None:
    client = client_with(max_stored_bytes=3 * ROW_BYTES)
    assert_problem(submit_two_rejected(client, metadata='{"a":"' + "b" * 1050 + '"}'), 429, "quota_exceeded")
    location = submit_two_rejected(client).headers["Location"]
    assert_problem(submit_two_rejected(client), 429, "quota_exceeded")
    assert client.delete(location).status_code == 200
    assert submit_two_rejected(client).status_code == 202


def submit_two_rejected(client: FlaskClient, *, metadata: str = "{}") -> TestResponse:
    return submit(client, upload("/a.pn"), upload("../.x"), metadata=metadata)


def test_what_a_quota_refuses_leaves_nothing(
    client_with: Callable[..., FlaskClient], engine: Engine, make_settings: Callable[..., object]
) -> None:
    client = client_with(max_stored_bytes=10)
    assert_problem(submit(client, upload("b.png", b"x" * 50)), 429, "quota_exceeded")
    assert nothing_stored(make_settings(), engine)  # type: ignore[arg-type]
