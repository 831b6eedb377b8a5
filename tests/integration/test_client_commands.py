"""The commands that talk to a service, against the real API; `finish` plays the worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from structlog.testing import capture_logs

from neurobatch.cli import main
from neurobatch.client import Client, RequestRefused
from neurobatch.files import collect
from neurobatch.pending import content_of, pending_folder, take_up
from shared.domain import ScanState
from tests.integration.http_servers import broken_way, served
from tests.integration.submissions import finish

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def url(client_with: Callable[..., FlaskClient]) -> Iterator[str]:
    # In this one process the service's log would mix with what the commands print.
    with capture_logs(), served(client_with(max_name_chars=5, webhook_private_targets=True).application) as url:  # type: ignore[arg-type]
        yield url


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(url) as client:
        yield client


@pytest.fixture
def run(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process; its exit status, standard output and standard error."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def call(*arguments: object, to: str = url) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["neurobatch", *map(str, arguments), "--url", to])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(name.encode())
    return folder


def scans_of(client: Client, batch_id: str) -> list[UUID]:
    return [UUID(scan["id"]) for scan in client.scans(batch_id)]


def test_a_batch_is_submitted_looked_at_and_read(run: Run, client: Client, engine: Engine, folder: Path) -> None:
    code, out, err = run("submit", folder, "--name", "n", "--metadata", '{"ward": 3}')
    batch_id = out.strip()
    assert (code, client.batch(batch_id)["metadata"]) == (0, {"ward": 3})
    assert "2 of 2 files" in err
    finish(engine, scans_of(client, batch_id))
    code, out, _ = run("status", batch_id, "--json")
    assert (code, json.loads(out)) == (0, client.batch(batch_id))
    assert run("status", "--json")[1] == out
    assert batch_id in run("status")[1]
    code, out, _ = run("results", batch_id, "--json")
    assert [json.loads(line) for line in out.splitlines()] == list(client.results(batch_id))
    assert "a.png" in run("results", batch_id)[1]
    assert run("results", batch_id, "--label", "notumor", "--json")[1] == ""
    assert len(run("results", batch_id, "--no-review", "--state", "succeeded", "--json")[1].splitlines()) == 2


def test_waiting_tells_by_its_status_how_the_batch_ended(
    run: Run, client: Client, engine: Engine, folder: Path
) -> None:
    batch_id = run("submit", folder)[1].strip()
    good, bad = scans_of(client, batch_id)
    finish(engine, [good])
    finish(engine, [bad], ScanState.FAILED)
    assert run("status", batch_id, "--wait")[0] == 1
    code, out, _ = run("retry", batch_id, "--json")
    assert (code, json.loads(out)["counts"]["queued"]) == (0, 1)
    finish(engine, [bad], ScanState.REJECTED)
    code, _, err = run("status", batch_id, "--wait")
    assert code == 0
    assert "2 of 2 scans done" in err


def test_a_refusal_has_its_own_status_and_says_why(run: Run, folder: Path) -> None:
    batch_id = run("submit", folder)[1].strip()
    code, _, err = run("retry", batch_id)
    assert (code, "nothing_to_retry" in err) == (3, True)
    assert run("cancel", batch_id, "--json")[0] == 0
    code, _, err = run("submit", folder, "--name", "too long")
    assert (code, "field_too_long" in err) == (3, True)


@pytest.mark.parametrize("command", ["status", "results", "cancel", "retry"])
def test_an_unknown_batch_has_its_own_status(run: Run, command: str) -> None:
    code, out, err = run(command, "00000000-0000-0000-0000-000000000000")
    assert (code, out) == (5, "")
    assert "not_found" in err


@pytest.mark.parametrize(
    "arguments",
    [("status", "no-id"), ("status", "--wait"), ("submit", "."), ("submit", ".", "--metadata", "[]"), ("nonsense",)],
)
def test_wrong_usage_has_its_own_status(
    run: Run, arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for file in tmp_path.iterdir():
        assert file.name.startswith("neurobatch.db"), "the folder is meant to hold nothing to submit but the database"
        file.rename(tmp_path / f".{file.name}")
    code, _, err = run(*arguments)
    assert (code, "Error:" in err) == (2, True)


def test_an_address_that_is_none_is_wrong_usage(run: Run) -> None:
    assert run("status", to="nonsense")[0] == 2


def test_a_service_that_is_not_there_has_its_own_status(run: Run) -> None:
    code, _, err = run("status", to="http://127.0.0.1:1")
    assert (code, "does not answer" in err) == (4, True)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            ("", 301, {"Location": "https://elsewhere.example/v1"}),
            "leads to https://elsewhere.example/v1; give that one",
        ),
        (("<p>Welcome</p>", 200, {}), "The answer is no JSON"),
    ],
    ids=["redirect", "page"],
)
def test_an_address_where_no_service_is_has_a_line(
    run: Run, answer: tuple[str, int, dict[str, str]], told: str
) -> None:
    other = APIFlask(__name__)
    other.add_url_rule("/<path:path>", view_func=lambda path: answer)
    with served(other) as url:
        code, out, err = run("status", to=url)
    assert (code, out, told in err, "Traceback" in err) == (3, "", True, False)


def test_a_submission_whose_answer_never_came_is_not_made_twice(
    run: Run, url: str, client: Client, folder: Path
) -> None:
    with broken_way(url, None, None, None, None, None) as way:
        assert run("submit", folder, to=way)[0] == 4
        (made,) = client.batches()
        code, out, _ = run("submit", folder, to=way)
    assert (code, out.strip()) == (0, made["id"])
    assert len(list(client.batches())) == 1


def test_a_command_that_is_done_makes_a_new_batch_the_next_time(run: Run, folder: Path) -> None:
    assert run("submit", folder)[1] != run("submit", folder)[1]


def test_an_interrupted_wait_goes_on_with_its_batch(
    run: Run, url: str, client: Client, engine: Engine, folder: Path, tmp_path: Path
) -> None:
    executable = str(Path(sys.executable).parent / "neurobatch")
    command = [executable, "submit", str(folder), "--wait", "--json", "--url", url]
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("queued"):
            break
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)[1].endswith("neurobatch: interrupted\n")
    assert process.returncode == 130
    (made,) = client.batches()
    finish(engine, scans_of(client, made["id"]))
    code, out, err = run("submit", folder, "--wait", "--json")
    assert code == 0
    assert json.loads(out)["id"] == made["id"]
    assert [scan["state"] for scan in json.loads(out)["scans"]] == ["succeeded", "succeeded"]
    assert "sending" not in err
    assert run("submit", folder)[1].strip() != made["id"]


def test_a_batch_that_was_waited_for_is_named_at_the_end(
    run: Run, url: str, client: Client, engine: Engine, folder: Path
) -> None:
    batch_id = client.submit([folder])["id"]
    finish(engine, scans_of(client, batch_id))
    take_up(pending_folder(), content_of(url, collect([folder]), name=None, metadata=None)).accepted(batch_id)
    lines = run("submit", folder, "--wait")[1].splitlines()
    assert lines[-2:] == [f"batch {batch_id}", "2 scans: 2 succeeded, 0 rejected, 0 failed, 0 cancelled"]


def test_a_pending_batch_that_was_deleted_is_made_anew(run: Run, url: str, client: Client, folder: Path) -> None:
    pending = take_up(pending_folder(), content_of(url, collect([folder]), name=None, metadata=None))
    pending.accepted("00000000-0000-0000-0000-000000000000")
    code, out, _ = run("submit", folder)
    assert code == 0
    assert [batch["id"] for batch in client.batches()] == [out.strip()]


def test_only_a_refusal_of_what_is_sent_ends_what_may_be_gone_on_with(
    run: Run, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong key says nothing of an earlier try whose answer was lost."""
    content = content_of(url, collect([folder]), name=None, metadata=None)
    key = take_up(pending_folder(), content).key
    for status, is_kept in ((401, True), (403, True), (429, True), (422, False)):

        def refuse(*_: object, status: int = status, **__: object) -> None:
            raise RequestRefused(status, {})

        monkeypatch.setattr(Client, "submit", refuse)
        assert run("submit", folder)[0] == 3
        assert (take_up(pending_folder(), content).key == key) == is_kept


def test_a_webhook_is_added_looked_at_and_removed(run: Run, client: Client) -> None:
    target = "http://127.0.0.1:1/hook"
    code, out, err = run("webhook", "add", target, "--description", "ward")
    (webhook,) = client.webhooks()
    assert (code, webhook["url"], webhook["description"]) == (0, target, "ward")
    assert out.startswith("whsec_")
    assert webhook["id"] in err
    assert json.loads(run("webhook", "list", "--json")[1]) == webhook
    assert target in run("webhook", "list")[1]
    code, out, _ = run("webhook", "ping", webhook["id"], "--json")
    delivery = json.loads(out)
    assert (code, delivery) == (0, next(client.deliveries(webhook["id"])))
    assert "ping" in run("webhook", "deliveries", webhook["id"])[1]
    code, out, _ = run("webhook", "resend", webhook["id"], delivery["id"])
    assert (code, delivery["id"] in out) == (0, True)
    assert run("webhook", "remove", webhook["id"])[0] == 0
    assert list(client.webhooks()) == []
    assert run("webhook", "ping", webhook["id"])[0] == 5
    assert run("webhook", "add", "ftp://127.0.0.1/")[0] == 3
