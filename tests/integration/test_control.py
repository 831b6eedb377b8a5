"""Cancel, retry, delete, and the same submission twice."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select, update

from shared.clock import utc_now
from shared.db import models, queries, releases
from shared.db.releases import Fault
from shared.db.session import reading, transaction
from shared.domain import ScanState
from shared.settings import Settings
from tests.integration.submissions import break_down, finish, submit, submit_many, upload
from tests.integration.test_api import assert_problem


def counts(client: FlaskClient, location: str) -> dict[str, int]:
    found: dict[str, int] = client.get(location).get_json()["counts"]
    return {state: n for state, n in found.items() if n}


def test_cancel_ends_what_has_not_run(client: FlaskClient, engine: Engine) -> None:
    location, ids = submit_many(client, 4)
    finish(engine, ids[:1])
    with transaction(engine) as session:
        queries.claim(session, ids[1:2], worker="w", now=utc_now(), lease_s=60)
    batch = client.post(location + "/cancel").get_json()
    assert batch["state"] == "cancelling"
    assert counts(client, location) == {"succeeded": 1, "running": 1, "cancelled": 2}
    with transaction(engine) as session:
        assert queries.claim(session, ids, worker="w", now=utc_now(), lease_s=60) == []
    assert client.post(location + "/cancel").get_json() == batch


def test_a_scan_given_back_after_cancel_does_not_run_again(client: FlaskClient, engine: Engine) -> None:
    location, ids = submit_many(client, 1)
    with transaction(engine) as session:
        claimed = queries.claim(session, ids, worker="w", now=utc_now(), lease_s=60)
    client.post(location + "/cancel")
    with transaction(engine) as session:
        faults = [Fault(scan, "c", "m") for scan in claimed]
        releases.give_back(session, faults, now=utc_now(), settings=Settings())
    batch = client.get(location).get_json()
    assert batch["state"] == "cancelled"
    assert batch["finished_at"] is not None


def test_cancelling_what_is_done_changes_nothing(client: FlaskClient, engine: Engine) -> None:
    location, ids = submit_many(client, 1)
    finish(engine, ids)
    assert client.post(location + "/cancel").get_json()["state"] == "completed"


def test_retry_runs_the_failed_again_with_all_their_attempts(client: FlaskClient, engine: Engine) -> None:
    location, ids = submit_many(client, 3)
    finish(engine, ids[:1])
    finish(engine, ids[1:2], ScanState.REJECTED)
    for _ in range(Settings().attempts_limit):
        break_down(engine, ids[2:])
    assert counts(client, location) == {"succeeded": 1, "rejected": 1, "failed": 1}
    assert client.post(location + "/retry").status_code == 202
    assert counts(client, location) == {"succeeded": 1, "rejected": 1, "queued": 1}
    break_down(engine, ids[2:])
    assert counts(client, location)["queued"] == 1
    finish(engine, ids[2:])
    assert client.get(location).get_json()["state"] == "completed_with_errors"
    assert_problem(client.post(location + "/retry"), 409, "nothing_to_retry")


def test_every_attempt_tells_its_worker_its_times_and_why_it_ended(client: FlaskClient, engine: Engine) -> None:
    location, ids = submit_many(client, 1)
    break_down(engine, ids)
    finish(engine, ids)
    (scan,) = client.get(f"{location}/scans").get_json()["items"]
    told = [(a["worker"], a["outcome"], a["reason"]) for a in scan["attempts"]]
    assert told == [("w", "released", "c"), ("w", "succeeded", None)]
    times = [datetime.fromisoformat(a[name]) for a in scan["attempts"] for name in ("started_at", "ended_at")]
    assert times == sorted(times)


def test_delete_takes_rows_and_files_and_says_what_went(
    client: FlaskClient, engine: Engine, settings: Settings
) -> None:
    kept, kept_ids = submit_many(client, 1)
    location, ids = submit_many(client, 3)
    finish(engine, ids[:2])
    artifact = settings.data_dir / "artifacts" / Path(location).name / "x"
    artifact.parent.mkdir(parents=True)
    artifact.write_bytes(b"12345")
    removed = client.delete(location).get_json()
    assert removed == {"scans": 3, "predictions": 2, "files": 4, "size_bytes": 8}
    assert_problem(client.get(location), 404, "not_found")
    assert_problem(client.get(f"/v1/scans/{ids[0]}"), 404, "not_found")
    left = {path.parent.name for path in settings.data_dir.glob("*/*/*")}
    assert left & {Path(location).name, Path(kept).name} == {Path(kept).name}
    with reading(engine) as session:
        for table in (models.Prediction, models.Attempt):
            assert session.scalar(select(func.count()).select_from(table)) == 0
        assert session.scalars(select(models.Scan.id)).all() == kept_ids


@pytest.mark.parametrize("call", ["cancel", "retry"])
def test_control_of_an_unknown_batch_is_404(client: FlaskClient, call: str) -> None:
    unknown = "/v1/batches/01a20a0b-4fdd-731f-aef1-67dccce5352e"
    assert_problem(client.post(f"{unknown}/{call}"), 404, "not_found")
    assert_problem(client.delete(unknown), 404, "not_found")


def submit_with(client: FlaskClient, key: str, *names: str, **fields: str) -> Any:
    return submit(client, *(upload(n, n.encode()) for n in names), headers={"Idempotency-Key": key}, **fields)


def test_the_same_key_and_content_is_one_batch(client: FlaskClient, engine: Engine, settings: Settings) -> None:
    first = submit_with(client, "k", "a.png", "b.png", name="n")
    again = submit_with(client, "k", "a.png", "b.png", name="n")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.get_json()["id"] == again.get_json()["id"]
    with reading(engine) as session:
        assert session.scalar(select(func.count()).select_from(models.Scan)) == 2
    assert len(list(settings.data_dir.glob("uploads/*"))) == 1
    assert not list(settings.data_dir.glob("staging/*"))


@pytest.mark.parametrize(
    ("names", "fields"), [(["a.png"], {}), (["a.png", "c.png"], {"name": "n"}), (["a.png", "b.png"], {})]
)
def test_the_same_key_with_other_content_is_422(client: FlaskClient, names: list[str], fields: dict[str, str]) -> None:
    submit_with(client, "k", "a.png", "b.png", name="n")
    assert_problem(submit_with(client, "k", *names, **fields), 422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("name", "data", "metadata"),
    [("a.png", b"y", '{"site": 1}'), ("b.png", b"x", '{"site": 1}'), ("a.png", b"x", '{"site": 2}')],
    ids=["other bytes", "another name", "other metadata"],
)
def test_any_one_thing_that_differs_is_other_content(
    client: FlaskClient, name: str, data: bytes, metadata: str
) -> None:
    key = {"Idempotency-Key": "k"}
    assert submit(client, upload("a.png", b"x"), headers=key, metadata='{"site": 1}').status_code == 202
    again = submit(client, upload(name, data), headers=key, metadata=metadata)
    assert_problem(again, 422, "idempotency_key_reused")


def test_a_key_is_forgotten_after_a_day(client: FlaskClient, engine: Engine) -> None:
    first = submit_with(client, "k", "a.png").get_json()["id"]
    with transaction(engine) as session:
        session.execute(update(models.IdempotencyKey).values(created_at=utc_now() - timedelta(hours=25)))
    assert submit_with(client, "k", "b.png").get_json()["id"] != first


def test_a_key_in_progress_is_409(client: FlaskClient) -> None:
    held = client.application.extensions["neurobatch"].keys_in_progress
    with held.hold("k", project="local"):
        assert_problem(submit_with(client, "k", "a.png"), 409, "idempotency_key_in_progress")
    assert submit_with(client, "k", "a.png").status_code == 202


def test_a_refused_submission_leaves_its_key_free(client: FlaskClient) -> None:
    assert_problem(submit_with(client, "k", "a.png", metadata="["), 422, "invalid_metadata")
    assert submit_with(client, "k", "a.png").status_code == 202


def test_an_unusable_key_is_422(client: FlaskClient) -> None:
    assert_problem(submit_with(client, "k" * 256, "a.png"), 422, "invalid_idempotency_key")


def test_two_submissions_at_once_with_one_key_are_one_batch(client: FlaskClient, engine: Engine) -> None:
    app, answers = client.application, []

    def send() -> None:
        answers.append(submit_with(app.test_client(), "k", *(f"{n}.png" for n in range(30))).status_code)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) <= {202, 409}
    assert 202 in answers
    with reading(engine) as session:
        assert session.scalar(select(func.count()).select_from(models.Batch)) == 1
