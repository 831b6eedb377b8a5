"""The API under gunicorn, as it is served, and raw connections to it that say what no client library would."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import httpx

from shared.settings import Settings
from tests.conftest import ROOT

_GIVE_UP_AFTER_S = 60.0


@contextmanager
def gunicorn_server(settings: Settings, *, log: IO[str] | int = subprocess.DEVNULL) -> Iterator[int]:
    """gunicorn over the given settings, logging to `log`; its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    variables = {f"NEUROBATCH_{name.upper()}": str(value) for name, value in settings.model_dump().items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "api.wsgi:app"],
        cwd=ROOT,
        env={**os.environ, **variables, "NEUROBATCH_PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=log,
    )
    try:
        deadline = time.monotonic() + _GIVE_UP_AFTER_S
        while not _answers(port):
            assert process.poll() is None, "gunicorn does not start"
            assert time.monotonic() < deadline, "gunicorn does not answer"
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/livez").status_code == 200
    except httpx.TransportError:
        return False


def connect(port: int) -> socket.socket:
    """A raw connection."""
    return socket.create_connection(("127.0.0.1", port), timeout=_GIVE_UP_AFTER_S)


def answer(connection: socket.socket) -> bytes:
    """All that the server says until it closes the connection."""
    said = b""
    while True:
        try:
            data = connection.recv(65_536)
        except ConnectionError:
            return said
        if not data:
            return said
        said += data
