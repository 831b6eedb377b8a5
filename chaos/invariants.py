"""What must hold after any harm, read straight from the database and the data directory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import Engine, func, select

from chaos.poison import POISON_NAME
from shared.db.models import Batch, Event, Prediction, Scan
from shared.db.session import reading
from shared.domain import ScanState


@dataclass(frozen=True)
class Verdict:
    """Numbers that must all be zero."""

    lost: int
    duplicated: int
    orphaned: int


def judge(engine: Engine, data_dir: Path, *, expected: Mapping[UUID, int]) -> Verdict:
    """Look at everything that is stored; `expected` gives every accepted batch with its number of scans.

    *lost*: scans that are missing or came to another end than they should (succeeded; a poison scan: failed with
    `worker_lost`). *duplicated*: batches and scans that nobody submitted, and second results. *orphaned*: files
    without a row and rows without their files.
    """
    with reading(engine) as session:
        scans = session.execute(select(Scan.batch_id, Scan.filename, Scan.state, Scan.code)).all()
        batches = set(session.scalars(select(Batch.id)))
        paths = session.execute(select(Prediction.heatmap_path, Prediction.grid_path, Prediction.overlay_path)).all()
        uploads = set(session.scalars(select(Scan.upload_key)))
        results = session.scalar(select(func.count()).select_from(Prediction)) or 0
        successes = session.scalars(select(Event.scan_id).where(Event.state == ScanState.SUCCEEDED)).all()
    stored = Counter(scan.batch_id for scan in scans)
    wrong = [scan for scan in scans if not _ended_well(scan.filename, scan.state, scan.code)]
    lost = len(wrong) + sum(max(0, n - stored[batch_id]) for batch_id, n in expected.items())
    succeeded = sum(scan.state is ScanState.SUCCEEDED for scan in scans)
    duplicated = (
        len(batches - set(expected))
        + sum(max(0, n - expected.get(batch_id, 0)) for batch_id, n in stored.items())
        + abs(results - succeeded)
        + len(successes)
        - len(set(successes))
    )
    named = {path for row in paths for path in row} | {key for key in uploads if key}
    found = {
        path.relative_to(data_dir).as_posix()
        for kind in ("staging", "uploads", "artifacts")
        for path in (data_dir / kind).rglob("*-*-*-*-*/*")
        if path.stat().st_size
    }
    return Verdict(lost=lost, duplicated=duplicated, orphaned=len(named ^ found))


def _ended_well(filename: str, state: ScanState, code: str | None) -> bool:
    if filename.startswith(POISON_NAME):
        return (state, code) == (ScanState.FAILED, "worker_lost")
    return state is ScanState.SUCCEEDED
