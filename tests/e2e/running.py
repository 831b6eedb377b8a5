"""Starts `neurobatch up` as a user does, and looks at its processes from outside."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from neurobatch import Client

_READY_WITHIN_S = 60
COMMANDS = {
    "api": "gunicorn api.wsgi:app",
    "worker": "celery -A worker.app worker",
    "relay": "neurobatch relay",
    "broker": "valkey-server",
}


@dataclass
class Running:
    """A service in processes of its own."""

    process: subprocess.Popen[bytes]
    client: Client
    url: str
    data_dir: Path


@contextmanager
def running(data_dir: Path, **environment: str) -> Iterator[Running]:
    """`neurobatch up` until the block ends; Ctrl-C must end it with status 0."""
    port = free_port()
    process = subprocess.Popen(
        [command("neurobatch"), "up", "--port", str(port), "--data-dir", str(data_dir)],
        env=clean_environment(environment),
    )
    try:
        url = f"http://127.0.0.1:{port}"
        with Client(url) as client:
            wait_until(client.is_ready)
            yield Running(process, client, url, data_dir)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        wait_until(lambda: not parts_of(data_dir))


def command(name: str) -> str:
    """A command of this environment."""
    return str(Path(sys.executable).parent / name)


def clean_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """The environment without any setting of the service but `changes`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NEUROBATCH_")}
    return {**kept, **changes}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def parts_of(data_dir: Path) -> dict[str, list[int]]:
    """Processes of the service on `data_dir`, by part, told by their command lines."""
    found: dict[str, list[int]] = {}
    marker = f"NEUROBATCH_DATA_DIR={data_dir}\0".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            mine = marker in (folder / "environ").read_bytes() + b"\0"
        except OSError:
            continue
        for part, text in COMMANDS.items():
            # Valkey overwrites its environment; its command line names the data directory.
            if text in line and (mine or f"{data_dir}/broker" in line):
                found.setdefault(part, []).append(int(folder.name))
    return found


def wait_until(condition: object, *, within_s: float = _READY_WITHIN_S) -> None:
    """Poll until `condition()` is true; AssertionError if that takes too long."""
    deadline = time.monotonic() + within_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
