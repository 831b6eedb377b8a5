"""Starts a rival's server in its environment, waits until all its workers can work, and stops all of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path

import httpx

from benchmarks.rivals import processes
from benchmarks.rivals.mlserver_settings import MODEL, model_settings, server_settings
from benchmarks.rivals.variables import FOLDER_VARIABLE, MODEL_VARIABLE, READY, WORKERS_VARIABLE
from shared.liveness import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
_START_S = 180.0
_STOP_S = 15.0
_TOLD_CHARS = 1500


class ServerFailed(Exception):
    """A rival's server did not become ready; the message has the end of its log."""


@dataclass(frozen=True)
class Start:
    """What starts a server: its command, and the path that answers 200 once it listens."""

    command: tuple[str, ...]
    ready: str


def start_bentoml(python: Path, folder: Path, port: int) -> Start:
    """`bentoml serve` of the service."""
    service = "benchmarks.rivals.bentoml_service:ScanService"
    return Start(
        (str(python), "-m", "bentoml", "serve", service, "--host", "127.0.0.1", "--port", str(port)), "/readyz"
    )


def start_litserve(python: Path, folder: Path, port: int) -> Start:
    """LitServe has no command of its own: a server is a script."""
    return Start((str(python), "-m", "benchmarks.rivals.litserve_server", str(port)), "/health")


def start_mlserver(python: Path, folder: Path, port: int) -> Start:
    """`mlserver start` on a model repository of one model; its settings are files, written here."""
    (folder / "model-settings.json").write_text(json.dumps(model_settings()))
    settings = server_settings(http_port=port, grpc_port=free_port(), metrics_port=free_port(), workers=workers())
    (folder / "settings.json").write_text(json.dumps(settings))
    return Start((str(python.parent / "mlserver"), "start", str(folder)), f"/v2/models/{MODEL}/ready")


STARTS: dict[str, Callable[[Path, Path, int], Start]] = {
    "bentoml": start_bentoml,
    "litserve": start_litserve,
    "mlserver": start_mlserver,
}


def workers() -> int:
    """One for each core, with one thread each for the network; what else was tried stands with each server."""
    return os.cpu_count() or 1


def rival_variables() -> dict[str, str]:
    """The environment of everything that runs beside ours: our code to import, none of our Python."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return {
        **inherited,
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def server_variables(model_dir: Path, folder: Path) -> dict[str, str]:
    """The same with a server's settings: one thread in each library, as there is one worker for each core.

    The allocator is as their guides leave it, untold.
    """
    return {
        **rival_variables(),
        FOLDER_VARIABLE: str(folder),
        MODEL_VARIABLE: str(model_dir),
        WORKERS_VARIABLE: str(workers()),
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "BENTOML_HOME": str(folder / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "true",
    }


def free_port() -> int:
    """One that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(rival: str, python: Path, model_dir: Path, folder: Path) -> Iterator[tuple[str, int]]:
    """URL and process of a rival's running server whose files go to `folder`; ended at the end. Raises ServerFailed."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    start = STARTS[rival](python, folder, port)
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            start.command,
            cwd=folder,
            env=server_variables(model_dir, folder),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=partial(die_with_parent, signal.SIGTERM, parent=os.getpid()),
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _await_ready(server, url + start.ready, folder, log)
        yield url, server.pid
    finally:
        processes.stop(server, grace_s=_STOP_S)


def _await_ready(server: subprocess.Popen[bytes], url: str, folder: Path, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while not (_answers(url) and len(list((folder / READY).glob("*"))) >= workers()):
        if server.poll() is not None or time.monotonic() > deadline:
            said = log.read_text(errors="replace")[-_TOLD_CHARS:]
            raise ServerFailed(f"{server.args!r} did not become ready:\n{said}")
        time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == HTTPStatus.OK
    except httpx.TransportError:
        return False
