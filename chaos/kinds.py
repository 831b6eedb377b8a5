"""The kinds of harm, each at a numbered step of delivery (docs/architecture.md).

A kind is a context manager around the submission of a batch: what comes before `yield` lies in wait, what comes
after strikes while the batch is worked on. It returns once all its harm is done.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial

import redis
from celery import Celery

from chaos.rig import WORKERS, Rig
from shared.broker import make_celery
from shared.messages import SCANS_QUEUE

_TAKEN_WITHIN_S = 40.0
_AWAY_S = 1.5
_HOUR_S = 3600


@dataclass(frozen=True)
class Kind:
    """One kind of fault: what it does, how many times a round, with how many poison scans in the batch."""

    name: str
    harm: Callable[[Rig], AbstractContextManager[None]]
    times: int = 1
    poison: int = 0


@contextmanager
def at(rig: Rig, *, points: tuple[str, ...]) -> Iterator[None]:
    """Lie in wait at points in the code, and wait until each has been passed."""
    for point in points:
        rig.put_token(point)
    yield
    _wait_until(lambda: not rig.pending_tokens(), "nobody came by")


def _wait_until(condition: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + _TAKEN_WITHIN_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(otherwise)
        time.sleep(0.02)


def at_worker(step: str) -> Kind:
    """A worker's child process dies at a step, twice in a round."""
    return Kind(f"worker killed {step.replace('_', ' ')}", partial(at, points=(f"worker.{step}",) * 2), times=2)


@contextmanager
def parents_killed(rig: Rig) -> Iterator[None]:
    """Both workers are killed with their pools, at work."""
    with rig.flag("slow", "0.3"):
        yield
        for worker in WORKERS:
            time.sleep(0.2)
            rig.kill(worker)


@contextmanager
def nothing(_: Rig) -> Iterator[None]:
    """The scans themselves are the harm."""
    yield


@contextmanager
def broker_killed(rig: Rig) -> Iterator[None]:
    """SIGKILL; it comes back with its file."""
    yield
    rig.kill("broker")


@contextmanager
def broker_flushed(rig: Rig) -> Iterator[None]:
    """FLUSHALL in mid-batch, twice."""
    with rig.flag("slow", "0.2"):
        yield
        for _ in range(2):
            time.sleep(0.3)
            with rig.broker() as client, suppress(redis.RedisError):
                client.flushall()


@contextmanager
def broker_emptied(rig: Rig) -> Iterator[None]:
    """It dies and comes back without its file."""
    with rig.flag("slow", "0.2"):
        yield
        with rig.tending:
            rig.kill("broker")
            rig.process("broker").wait()
            shutil.rmtree(rig.settings.data_dir / "broker" / "appendonlydir", ignore_errors=True)


@contextmanager
def broker_away(rig: Rig) -> Iterator[None]:
    """It is away while the batch is submitted: connections are refused, and the answer is 202 all the same."""
    with rig.tending:
        rig.kill("broker")
        rig.process("broker").wait()
        yield
        time.sleep(_AWAY_S)


@contextmanager
def database_restarted(rig: Rig) -> Iterator[None]:
    """PostgreSQL cuts every connection and comes back; a SQLite file is locked by somebody else for a while."""
    with rig.flag("slow", "0.2"):
        yield
        if rig.postgres is None:
            _lock_sqlite(rig)
        else:
            rig.postgres.stop()
            rig.postgres.start()


@contextmanager
def database_away(rig: Rig) -> Iterator[None]:
    """It refuses connections for a while."""
    with rig.flag("slow", "0.2"):
        yield
        if rig.postgres is None:
            _lock_sqlite(rig)
        else:
            rig.postgres.stop()
            time.sleep(_AWAY_S)
            rig.postgres.start()


def _lock_sqlite(rig: Rig) -> None:
    connection = sqlite3.connect(rig.settings.data_dir / "neurobatch.db", timeout=30, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        time.sleep(_AWAY_S)
        connection.execute("ROLLBACK")
    finally:
        connection.close()


@contextmanager
def relay_killed(rig: Rig) -> Iterator[None]:
    """While workers lose their messages, so that it has something to do."""
    with at(rig, points=("worker.after_claim",)):
        yield
    rig.kill("relay")


@contextmanager
def disk_full(rig: Rig) -> Iterator[None]:
    """No space for artifacts: their own small disk filled to its last byte, or its error where none can be mounted."""
    artifacts = rig.settings.data_dir / "artifacts"
    if not os.path.ismount(artifacts):
        with rig.flag("full"):
            yield
            time.sleep(_AWAY_S)
        return
    filler = artifacts / "filler"
    try:
        # Unbuffered: what a buffer held back would be refused again when the file is closed.
        with open(filler, "wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(64 * 1024))
        yield
        time.sleep(_AWAY_S)
    finally:
        filler.unlink(missing_ok=True)


@contextmanager
def clock_jumps(rig: Rig) -> Iterator[None]:
    """The relay's clock runs an hour ahead, then an hour behind, then a worker's does."""
    with rig.flag("slow", "0.1"):
        yield
        for part, seconds in (("relay", _HOUR_S), ("relay", -_HOUR_S), ("worker", _HOUR_S)):
            with rig.flag(f"clock.{part}", str(seconds)):
                time.sleep(0.7)


@contextmanager
def impatient_broker(rig: Rig) -> Iterator[None]:
    """A visibility timeout of 1 s: whatever is in work for longer is delivered again, by kombu's own code."""
    celery: Celery = make_celery(rig.settings)
    celery.conf.broker_transport_options = {**celery.conf.broker_transport_options, "visibility_timeout": 1}
    restored = 0
    with rig.flag("slow", "1.6"):
        yield
        with celery.connection() as connection, connection.channel() as channel:
            deadline = time.monotonic() + _TAKEN_WITHIN_S
            while restored < 2 and time.monotonic() < deadline:
                time.sleep(0.2)
                before = channel.client.llen(SCANS_QUEUE)
                channel.qos.restore_visible(num=10, interval=1)
                restored += max(0, channel.client.llen(SCANS_QUEUE) - before)
    celery.close()
    if restored < 2:
        raise TimeoutError("no message was delivered again")


@contextmanager
def delivered_twice(rig: Rig) -> Iterator[None]:
    """Every message of a batch is published twice."""
    with rig.flag("slow", "0.1"), rig.flag("twice"):
        yield


KINDS = (
    at_worker("before_claim"),
    at_worker("after_claim"),
    at_worker("predicting"),
    at_worker("after_artifacts"),
    at_worker("at_commit"),
    at_worker("after_commit"),
    Kind("answer to a worker's commit lost", partial(at, points=("worker.commit_answer_lost",) * 2), times=2),
    Kind("worker hangs", partial(at, points=("worker.hanging",) * 2), times=2),
    Kind("worker killed with its pool", parents_killed, times=2),
    Kind("scan crashes its process", nothing, times=4, poison=4),
    Kind("broker killed", broker_killed),
    Kind("broker flushed", broker_flushed, times=2),
    Kind("broker restarted without its file", broker_emptied),
    Kind("broker away while submitting", broker_away),
    Kind("visibility timeout of 1 s", impatient_broker, times=2),
    Kind("every message delivered twice", delivered_twice),
    Kind("database restarted", database_restarted),
    Kind("database refuses connections", database_away),
    Kind("API killed while receiving", partial(at, points=("api.receiving",))),
    Kind("API killed before its commit", partial(at, points=("api.kept",))),
    Kind("API killed before its answer", partial(at, points=("api.committed",))),
    Kind("API killed between message and mark", partial(at, points=("api.published",))),
    Kind("relay killed", relay_killed),
    Kind("disk full", disk_full),
    Kind("clock jumps", clock_jumps, times=3),
)
SHORT = (
    "worker killed after claim",
    "worker killed at commit",
    "answer to a worker's commit lost",
    "scan crashes its process",
    "broker flushed",
    "API killed before its commit",
)
