"""Fills a PostgreSQL database with scans as a service leaves them after a long time of use.

Made on the server from numbers (stored_scans.sql), so that a million scans with results, attempts and events take a
minute: 60% are in batches of 10,000, 35% of 1,000, 5% of 100; three projects; labels, confidences and rejections as
often as in use; names that repeat. One batch of 10,000 and one of 1,000 are running: those went through the steps that
dispatcher and workers take.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import select

from shared.db import queries
from shared.db.models import Scan
from shared.db.queries import Outcome
from shared.db.session import make_engine, transaction
from shared.domain import ScanState, TumorClass

PROJECTS = {"local": 0.7, "trial": 0.25, "ward": 0.05}
SIZES = {10_000: 0.6, 1_000: 0.35, 100: 0.05}
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_LASTED = timedelta(days=300)
_CHUNK = 32
_STEPS = Path(__file__).with_suffix(".sql")
_TABLES = ["scans", "predictions", "attempts", "events", "corrections", "batches", "studies"]
_SECONDARY_INDEXES = """
SELECT i.relname, pg_get_indexdef(x.indexrelid) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class t ON t.oid = x.indrelid WHERE NOT x.indisprimary AND t.relname = ANY(%s) ORDER BY 1
"""
_RESULT: dict[str, Any] = {
    "model": "cnn-stripped-1",
    "label": TumorClass.GLIOMA,
    "probabilities": {"glioma": 0.9, "meningioma": 0.05, "pituitary": 0.03, "notumor": 0.02},
    "confidence": 0.9,
    "needs_review": False,
    "review_reasons": [],
    "heatmap_path": "artifacts/heatmap.png",
    "grid_path": "artifacts/grid.npy",
    "overlay_path": "artifacts/overlay.jpg",
    "focus_x": 131,
    "focus_y": 88,
    "frame_x": 0.5,
    "frame_y": 3.5,
    "frame_side": 511.0,
    "width": 512,
    "height": 512,
    "timings": {"decode": 1.42, "preprocess": 2.31, "predict": 4.02, "explain": 0.11, "render": 6.27},
}


@dataclass(frozen=True)
class StoredBatch:
    """One batch of the fill."""

    id: UUID
    project: str
    name: str
    scans: int
    created_at: datetime
    running: bool = False
    volumes: bool = False


def plan_batches(scans: int) -> list[StoredBatch]:
    """Batches of all sizes in a mixed order, the last of 10,000 and of 1,000 running; for 100,000 scans or more."""
    random = Random(1)  # noqa: S311  (the same each time)
    sizes = [size for size, share in SIZES.items() for _ in range(round(scans * share / size))]
    random.shuffle(sizes)
    projects = random.choices(list(PROJECTS), list(PROJECTS.values()), k=len(sizes))
    running = {max(number for number, found in enumerate(sizes) if found == size) for size in (10_000, 1_000)}
    for number in running:
        projects[number] = "local"
    return [
        _batch(number, _BEGAN + _LASTED * number / len(sizes), size, project, running=number in running)
        for number, (size, project) in enumerate(zip(sizes, projects, strict=True))
    ]


def fill(url: str, batches: Sequence[StoredBatch]) -> Iterator[str]:
    """Store the batches with all that belongs to them in a migrated, empty database; tells each step as it begins."""
    with psycopg.connect(url, autocommit=True) as connection:
        # Rows that are right by construction need no look at each foreign key, and indexes are quicker made at the end.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute("SELECT setseed(0.5)")
        indexes = connection.execute(_SECONDARY_INDEXES, [_TABLES]).fetchall()
        for name, _ in indexes:
            connection.execute(f'DROP INDEX "{name}"'.encode())
        yield "batches"
        _copy_batches(connection, batches)
        for name, statement in re.findall(r"-- step: (.*?)\n(.*?;)\n", _STEPS.read_text(), flags=re.DOTALL):
            yield name
            connection.execute(statement.encode())
        for name, definition in indexes:
            yield name
            connection.execute(definition.encode())
        yield "vacuum"
        connection.execute("VACUUM ANALYZE")
    for batch in batches:
        if batch.running:
            yield f"half of a batch of {batch.scans:,}"
            _run_half(url, batch)


def _batch(number: int, at: datetime, size: int, project: str, *, running: bool) -> StoredBatch:
    milliseconds = round(at.timestamp() * 1000)
    return StoredBatch(
        id=UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | number),  # UUIDv7
        project=project,
        name=f"ward {number % 7}, week {number // 20}",
        scans=size,
        created_at=at + timedelta(seconds=2),
        running=running,
        volumes=size == 1_000 and number % 5 == 0 and not running,
    )


def _copy_batches(connection: psycopg.Connection[Any], batches: Sequence[StoredBatch]) -> None:
    with connection.cursor().copy(
        "COPY batches (id, project, name, size_bytes, metadata, created_at) FROM STDIN"
    ) as rows:
        for b in batches:
            rows.write_row((b.id, b.project, b.name, b.scans * 40_000, "{}", b.created_at))
    connection.execute(
        "CREATE UNLOGGED TABLE plan "
        "(batch_id uuid, project text, scans int, created_at timestamptz, running bool, volumes bool)"
    )
    with connection.cursor().copy("COPY plan FROM STDIN") as rows:
        for b in batches:
            rows.write_row((b.id, b.project, b.scans, b.created_at, b.running, b.volumes))


def _run_half(url: str, batch: StoredBatch) -> None:
    """Take a queued batch through dispatch, claims and results up to its middle, with two chunks still in work."""
    engine = make_engine(url)
    now = batch.created_at + timedelta(seconds=1)
    with transaction(engine) as session:
        queries.take_undispatched(session, now=now, limit=batch.scans)
        ids = session.scalars(select(Scan.id).where(Scan.batch_id == batch.id).order_by(Scan.id)).all()
    half = ids[: len(ids) // 2]
    for start in range(0, len(half), _CHUNK):
        now += timedelta(seconds=0.15)
        with transaction(engine) as session:
            claimed = queries.claim(session, half[start : start + _CHUNK], worker="worker-1", now=now, lease_s=60)
        if start + 2 * _CHUNK < len(half):
            outcomes = [Outcome(scan, ScanState.SUCCEEDED, prediction=_RESULT) for scan in claimed]
            with transaction(engine) as session:
                queries.record(session, outcomes, now=now + timedelta(seconds=0.1))
    engine.dispose()
