"""Starts real servers for tests, from binaries that Python packages carry."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import redis

from chaos.postgres import Postgres
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


class PostgresServer(Postgres):
    """A running server with databases for tests."""

    def clone(self, template: str) -> str:
        """Make a copy of a database; its name."""
        name = f"test_{next(_numbers)}"
        self.create_database(name, template=template)
        return name

    def drop(self, name: str) -> None:
        """Remove a database at once: left until the end, hundreds of them cost half a minute of deleting."""
        with psycopg.connect(dbname="postgres", user="postgres", host=str(self.folder), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def postgres_server(folder: Path) -> Iterator[PostgresServer]:
    """A throw-away PostgreSQL."""
    server = PostgresServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop(signal.SIGQUIT)  # nothing in it is wanted again: no checkpoint


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
