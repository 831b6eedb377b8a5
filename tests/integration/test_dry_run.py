"""A dry run: a verdict for each scan, and nothing kept."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import Engine

from api.callers import local_caller
from api.services import Services
from shared.settings import Settings
from tests.fuzz.bombs import jpeg_many_scans
from tests.integration.submissions import File, png, submit, upload
from tests.integration.test_api import assert_problem, nothing_stored, scans_of


def judge(client: FlaskClient, *files: File) -> list[dict[str, Any]]:
    response = client.post("/v1/batches?dry_run=1", data={"files": list(files)})
    assert response.status_code == 200, response.text
    verdicts: list[dict[str, Any]] = response.get_json()["files"]
    return verdicts


def test_each_scan_gets_a_verdict_and_nothing_is_kept(client: FlaskClient, settings: Settings, engine: Engine) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("in/a.png", png(1))
        archive.writestr("in/b.txt", "text")
    found = judge(
        client, upload("a.png"), upload("cut.png", png()[:300]), upload("../x"), upload("z.zip", packed.getvalue())
    )
    assert [(v["filename"], v["verdict"], v["code"]) for v in found] == [
        ("a.png", "accepted", None),
        ("cut.png", "rejected", "truncated_image"),
        ("../x", "rejected", "invalid_filename"),
        ("in/a.png", "accepted", None),
        ("in/b.txt", "rejected", "not_an_image"),
    ]
    assert all((verdict["message"] is None) == (verdict["code"] is None) for verdict in found)
    assert nothing_stored(settings, engine)


def test_a_duplicate_of_a_stored_scan_is_told(client: FlaskClient) -> None:
    first, *_ = scans_of(client, submit(client, upload("old.png", png(5)), upload("again.png", png(5))))
    same, other = judge(client, upload("new.png", png(5)), upload("other.png", png(6)))
    assert (same["verdict"], same["duplicate_of"]) == ("duplicate", first["id"])
    assert (other["verdict"], other["duplicate_of"]) == ("accepted", None)


def test_limits_hold_for_a_dry_run_too(client_with: Callable[..., FlaskClient]) -> None:
    response = client_with(max_files_per_batch=1).post(
        "/v1/batches?dry_run=1", data={"files": [upload("a.png"), upload("b.png")]}
    )
    assert_problem(response, 413, "limit_exceeded")


def test_what_refuses_the_whole_batch_refuses_a_dry_run(client_with: Callable[..., FlaskClient]) -> None:
    client, two = client_with(max_unfinished_scans=1), {"files": [upload("a.png"), upload("b.png")]}
    assert_problem(client.post("/v1/batches?dry_run=1", data=two), 429, "quota_exceeded")
    assert_problem(
        client.post("/v1/batches?dry_run=1", data={"name": "empty"}, content_type="multipart/form-data"),
        422,
        "no_files",
    )


def test_a_dry_run_is_asked_for_by_one(client: FlaskClient) -> None:
    assert_problem(client.post("/v1/batches?dry_run=perhaps", data={"files": [upload()]}), 422, "invalid_request")


def test_what_a_dry_run_has_no_time_for_is_not_judged(client_with: Callable[..., FlaskClient]) -> None:
    client = client_with(max_dry_run_s=0)
    found = judge(client, upload("a.png"), upload("../x"), upload("b.txt", b"text"))
    assert [(v["filename"], v["verdict"], v["code"]) for v in found] == [
        ("a.png", "not_judged", "dry_run_limit"),
        ("../x", "rejected", "invalid_filename"),
        ("b.txt", "not_judged", "dry_run_limit"),
    ]
    assert "max_dry_run_s = 0" in found[0]["message"]


def test_pictures_are_decoded_until_the_time_has_run_out(client_with: Callable[..., FlaskClient]) -> None:
    client = client_with(max_dry_run_s=1, max_decode_s=1)
    slow = jpeg_many_scans(large=True)[:100_000]  # the test client leaves bodies of over 500 KB open
    found = judge(client, *(upload(f"{number}.jpg", slow) for number in range(3)))
    assert [verdict["code"] for verdict in found] == ["decode_limit", "dry_run_limit", "dry_run_limit"]


def test_only_so_many_dry_runs_are_under_way_at_once(client_with: Callable[..., FlaskClient]) -> None:
    client = client_with(max_dry_runs=1)
    services: Services = client.application.extensions[Services.EXTENSION]
    with services.dry_runs.hold(local_caller(None)):
        busy = client.post("/v1/batches?dry_run=1", data={"files": upload()})
        assert_problem(busy, 503, "too_many_dry_runs")
        assert "Retry-After" in busy.headers
        assert submit(client, upload()).status_code == 202
    assert len(judge(client, upload())) == 1
