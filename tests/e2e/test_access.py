"""Keys as an operator meets them: the service refuses to stand open, and asks for a key where it should."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from PIL import Image

from neurobatch import Client, RequestRefused
from neurobatch.phantoms import draw_head
from neurobatch.service import ROOT
from tests.e2e.running import clean_environment, command, free_port, running, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


def run(name: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [command(name), *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=clean_environment(environment),
        timeout=60,
        check=False,
    )


def make_key(data_dir: Path, *options: str) -> str:
    """A key, as the command prints it: alone on the last line of its standard output."""
    done = run("neurobatch", "admin", "create-key", "--project", "ward-3", *options, "--data-dir", data_dir)
    assert done.returncode == 0, done.stderr
    (key,) = done.stdout.splitlines()
    assert key not in done.stderr
    return key


@contextmanager
def gunicorn(data_dir: Path, **environment: str) -> Iterator[str]:
    """The API alone, as docker-compose.yml starts it; its address on this machine."""
    port = free_port()
    own = {"NEUROBATCH_DATA_DIR": str(data_dir), "NEUROBATCH_PORT": str(port)}
    process = subprocess.Popen(
        [command("gunicorn"), "api.wsgi:app"], cwd=ROOT, env=clean_environment({**own, **environment})
    )
    try:
        url = f"http://127.0.0.1:{port}"
        with Client(url) as client:
            wait_until(client.is_ready)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def test_nobody_is_served_beyond_this_machine_before_there_is_a_key(tmp_path: Path) -> None:
    done = run("neurobatch", "up", "--port", 0, "--data-dir", tmp_path, NEUROBATCH_HOST="0.0.0.0")
    assert done.returncode == 1
    assert f"neurobatch admin create-key --project NAME --scopes submit,read --data-dir {tmp_path}" in done.stderr
    assert "NEUROBATCH_HOST=127.0.0.1" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("how", ["setting", "option"])
def test_gunicorn_started_alone_obeys_the_same_rule(tmp_path: Path, how: str) -> None:
    environment = {"NEUROBATCH_DATA_DIR": str(tmp_path)}
    port = free_port()
    if how == "setting":
        environment |= {"NEUROBATCH_HOST": "0.0.0.0", "NEUROBATCH_PORT": str(port)}
        done = run("gunicorn", "api.wsgi:app", **environment)
    else:
        done = run("gunicorn", "api.wsgi:app", "--bind", f"0.0.0.0:{port}", **environment)
    assert done.returncode == 1
    assert "neurobatch admin create-key" in done.stderr
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/livez")


def test_keys_are_asked_for_on_loopback_where_that_is_set(tmp_path: Path) -> None:
    key = make_key(tmp_path, "--scopes", "read")
    with gunicorn(tmp_path, NEUROBATCH_REQUIRE_KEYS="1", NEUROBATCH_KEY_CACHE_S="0") as url:
        assert httpx.get(f"{url}/v1/batches").status_code == 401
        with Client(url, key=key) as client:
            assert list(client.batches()) == []
            with pytest.raises(RequestRefused) as refused:
                client.delete("00000000-0000-0000-0000-000000000000")
            assert (refused.value.status, refused.value.problem["code"]) == (403, "scope_missing")
            listed = json.loads(run("neurobatch", "admin", "list-keys", "--json", "--data-dir", tmp_path).stdout)
            assert (listed["project"], listed["scopes"], listed["revoked_at"]) == ("ward-3", "read", None)
            revoked = run("neurobatch", "admin", "revoke-key", listed["id"], "--data-dir", tmp_path)
            assert revoked.returncode == 0, revoked.stderr
            with pytest.raises(RequestRefused) as refused:
                list(client.batches())
            assert refused.value.status == 401
        later = make_key(tmp_path)
        with Client(url, key=later) as client:
            assert list(client.batches()) == []
    trail = run("neurobatch", "admin", "audit", "--json", "--data-dir", tmp_path).stdout.splitlines()
    told = [json.loads(entry)["action"] for entry in trail]
    assert told == ["key.created", "login.refused", "key.revoked", "key.created"]


def test_only_the_first_key_is_made_if_none_is_there(tmp_path: Path) -> None:
    assert make_key(tmp_path, "--if-none").startswith("nb_")
    again = run("neurobatch", "admin", "create-key", "--project", "p", "--if-none", "--data-dir", tmp_path)
    assert (again.returncode, again.stdout) == (0, "")
    for options in (("--project", "No Such"), ("--project", "p", "--scopes", "everything")):
        wrong = run("neurobatch", "admin", "create-key", *options, "--data-dir", tmp_path)
        assert wrong.returncode != 0
        assert "Traceback" not in wrong.stderr
    assert run("neurobatch", "admin", "revoke-key", "nobody", "--data-dir", tmp_path).returncode == 1


def test_a_whole_run_leaves_no_secret_anywhere_and_no_patient_in_the_logs(tmp_path: Path) -> None:
    data_dir, scans = tmp_path / "data", tmp_path / "scans"
    scans.mkdir()
    Image.fromarray(draw_head(0)).save(scans / "doe-jane.png")
    key = make_key(data_dir)
    environment = {"NEUROBATCH_HOST": "0.0.0.0", "NEUROBATCH_LOG_LEVEL": "DEBUG", "NEUROBATCH_API_KEY": key}
    told = ""
    with running(data_dir, **environment) as service:
        assert httpx.get(f"{service.url}/v1/batches").status_code == 401
        own = {"NEUROBATCH_API_KEY": key, "XDG_STATE_HOME": str(tmp_path / "state")}
        about = ("--name", "doe-jane", "--metadata", '{"patient": "doe-jane"}')
        for arguments in (("submit", scans, "--wait", "--json", *about), ("status", "--json")):
            done = run("neurobatch", *arguments, "--url", service.url, **own)
            assert done.returncode == 0, done.stderr
            told += done.stdout + done.stderr
        assert run("neurobatch", "status", "--url", service.url).returncode == 3
        httpx.get(f"{service.url}/v1/batches", headers={"Authorization": f"Bearer {key}0"})
        httpx.get(f"{service.url}/v1/batches", params={"cursor": "x"}, headers={"Authorization": f"Bearer {key}"})
        headers = httpx.get(f"{service.url}/livez").headers
        assert not any(character.isdigit() for character in headers["Server"]), "a version is nobody's business"
    secret = key.split("_")[2]
    written = {path: path.read_bytes() for folder in (data_dir, tmp_path / "state") for path in folder.rglob("*.*")}
    assert {path.name for path in written} >= {"api.log", "worker.log", "relay.log", "neurobatch.db"}
    for part in ("api", "relay"):
        lines = [json.loads(line) for line in written[data_dir / "logs" / f"{part}.log"].splitlines()]
        assert lines
    assert b"key_refused" in written[data_dir / "logs" / "api.log"]
    assert secret not in told
    assert not [path for path, data in written.items() if path.suffix == ".log" and b"doe-jane" in data]
    assert [path for path, data in written.items() if secret.encode() in data] == []
