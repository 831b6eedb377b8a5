"""How long lists, filters and status polls take over HTTP with many stored scans; `python -m benchmarks.reading`.

A real PostgreSQL is filled and the API runs over it as `neurobatch up` starts it. One client asks on one connection
that is kept alive, kind after kind in turn, so that whatever else the machine does falls on all of them.
"""

from __future__ import annotations

import argparse
import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.reading_requests import Group, Kind, all_kinds
from benchmarks.stored_scans import StoredBatch, fill, plan_batches
from chaos.postgres import Postgres
from neurobatch.processes import ProcessGroup, tool
from neurobatch.service import ROOT, with_port
from shared.clock import utc_now
from shared.db.session import make_engine, transaction
from shared.keys import Scope, create_key
from shared.settings import Settings

_DATABASE = "reading"
_READY_WITHIN_S = 60.0
_ROUNDS = 40
# A key's burst is 2,000 requests, so its reader asks less often.
_ROUNDS_WITH_KEY = 6
_WARM_UP_ROUNDS = 2
_HEADLINE = ("status_poll_p95_ms", "scan_page_p95_ms")


@dataclass(frozen=True)
class Taken:
    """What requests of one kind took, in ms, sorted; `bytes` is the size of their largest answer."""

    kind: Kind
    durations_ms: Sequence[float]
    bytes: int

    def percentile_ms(self, percent: int) -> float:
        """The duration that this share of the requests stayed within."""
        return percentile(self.durations_ms, percent)

    def as_json(self) -> dict[str, Any]:
        """Figures in ms."""
        figures = {"p50_ms": self.percentile_ms(50), "p95_ms": self.percentile_ms(95), "max_ms": self.durations_ms[-1]}
        rounded = {name: round(value, 2) for name, value in figures.items()}
        return {"group": str(self.kind.group), "requests": len(self.durations_ms), **rounded, "bytes": self.bytes}


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The smallest of the values, in ascending order, that `percent` of them do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def measure_reading(folder: Path, *, scans: int, rounds: int = _ROUNDS) -> dict[str, Any]:
    """Latencies in ms over `scans` stored scans, by kind of request, with the two headline figures.

    The database is made in `folder`, an own one with a short path that `nobody`, who runs PostgreSQL where we are
    root, can reach; it takes 3 KB a scan, and is removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    postgres = Postgres(folder / "postgres")
    postgres.start()
    try:
        postgres.create_database(_DATABASE)
        settings = Settings(data_dir=folder / "data", port=0, database_url=postgres.url(_DATABASE))
        batches = plan_batches(scans)
        began = time.perf_counter()
        _fill(settings, batches)
        filled_s = time.perf_counter() - began
        size_bytes = _size_bytes(settings)
        figures = read(settings, batches, rounds=rounds)
        headline = {f"{name}_{_short(scans)}": figures[name] for name in _HEADLINE}
        filled = {"scans": scans, "fill_s": round(filled_s, 1), "database_bytes": size_bytes}
        return {**headline, **filled, **figures}
    finally:
        postgres.stop()
        shutil.rmtree(folder / "postgres")


def _short(scans: int) -> str:
    return f"{scans // 1_000_000}m" if scans % 1_000_000 == 0 else f"{scans // 1_000}k"


def read(settings: Settings, batches: Sequence[StoredBatch], *, rounds: int) -> dict[str, Any]:
    """The latencies over a database that was filled with `batches`: all kinds without keys, all once more with one."""
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        kinds = all_kinds(connection, batches, project="local")
        kinds_of_key = all_kinds(connection, batches, project="trial")
    with _api(settings) as port:
        taken = _ask(port, kinds, rounds=rounds)
    engine = make_engine(settings.sql_url)
    with transaction(engine) as session:
        _, key = create_key(session, project="trial", scopes=[Scope.READ], now=utc_now(), actor="command")
    engine.dispose()
    with _api(settings.model_copy(update={"require_keys": True})) as port:
        taken_with_key = _ask(port, kinds_of_key, rounds=_ROUNDS_WITH_KEY, key=key)
    return _figures(taken) | {"with_key": _figures(taken_with_key)}


def _figures(taken: Sequence[Taken]) -> dict[str, Any]:
    polls = sorted(ms for found in taken if found.kind.group is Group.STATUS for ms in found.durations_ms)
    pages = {found.kind.name: found.percentile_ms(95) for found in taken if found.kind.group is Group.SCANS}
    slowest = max(pages, key=pages.__getitem__)
    return {
        "status_poll_p95_ms": round(percentile(polls, 95), 2),
        "scan_page_p95_ms": round(pages[slowest], 2),
        "slowest_page": slowest,
        "kinds": {found.kind.name: found.as_json() for found in taken},
    }


def _fill(settings: Settings, batches: Sequence[StoredBatch]) -> None:
    began = time.perf_counter()
    alembic = [tool("alembic"), "upgrade", "head"]
    subprocess.run(alembic, cwd=ROOT, env=_environment(settings), check=True, capture_output=True)
    for step in fill(settings.database_url, batches):
        print(f"{time.perf_counter() - began:6.1f} s  {step}", file=sys.stderr, flush=True)


def _size_bytes(settings: Settings) -> int:
    """Of the database as it is filled: rows and indexes, without PostgreSQL's log of changes."""
    with psycopg.connect(settings.database_url) as connection:
        found = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert found is not None
    return int(found[0])


@contextmanager
def _api(settings: Settings) -> Iterator[int]:
    """The API as `neurobatch up` starts it; its port."""
    settings = with_port(settings)
    group = ProcessGroup(ROOT, _environment(settings), logs=settings.data_dir / "logs")
    group.start("api", [tool("gunicorn"), "api.wsgi:app"])
    try:
        deadline = time.monotonic() + _READY_WITHIN_S
        while not _answers(settings.port):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the API does not start; see {settings.data_dir / 'logs'}")
            time.sleep(0.1)
        yield settings.port
    finally:
        group.stop()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def _environment(settings: Settings) -> dict[str, str]:
    own = {
        "NEUROBATCH_DATA_DIR": str(settings.data_dir),
        "NEUROBATCH_DATABASE_URL": settings.database_url,
        "NEUROBATCH_PORT": str(settings.port),
        "NEUROBATCH_REQUIRE_KEYS": str(settings.require_keys),
    }
    return {name: value for name, value in os.environ.items() if not name.startswith("NEUROBATCH_")} | own


def _ask(port: int, kinds: Sequence[Kind], *, rounds: int, key: str | None = None) -> list[Taken]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    durations: list[list[float]] = [[] for _ in kinds]
    sizes = [0] * len(kinds)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for number in range(-_WARM_UP_ROUNDS, rounds):
        for n, kind in enumerate(kinds):
            path = kind.paths[number % len(kind.paths)]
            try:
                taken_ms, size = _get(connection, path, headers)
            except ConnectionError:
                # Left alone for longer than gunicorn keeps a connection, by a machine that stood still.
                connection.close()
                taken_ms, size = _get(connection, path, headers)
            if number >= 0:
                durations[n].append(taken_ms)
                sizes[n] = max(sizes[n], size)
    connection.close()
    return [Taken(kind, sorted(ms), size) for kind, ms, size in zip(kinds, durations, sizes, strict=True)]


def _get(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> tuple[float, int]:
    """The time in ms until the last byte of the answer was read, and its size."""
    began = time.perf_counter()
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    size = len(answer.read())
    taken_ms = (time.perf_counter() - began) * 1000
    if answer.status != http.HTTPStatus.OK:
        raise RuntimeError(f"GET {path} was answered {answer.status}")
    return taken_ms, size


def table(figures: dict[str, Any]) -> Iterator[str]:
    """The figures as lines of Markdown."""
    yield "| request | p50 ms | p95 ms | max ms | bytes |"
    yield "|---|---|---|---|---|"
    for name, kind in figures["kinds"].items():
        yield f"| {name} | {kind['p50_ms']:.1f} | {kind['p95_ms']:.1f} | {kind['max_ms']:.1f} | {kind['bytes']:,} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=int, default=1_000_000, help="stored scans, at least 100,000")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="requests of each kind")
    parser.add_argument("--folder", type=Path, help="where the database is made; a temporary folder by default")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nb-", dir="/tmp", ignore_cleanup_errors=True) as temporary:
        folder = asked.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        figures = measure_reading(folder, scans=asked.scans, rounds=asked.rounds)
    for which in (figures, figures["with_key"]):
        print("\n".join(table(which)))
        headline = {name: which[name] for name in (*_HEADLINE, "slowest_page")}
        print(headline)


if __name__ == "__main__":
    main()
