"""Giving claims back: what a fault or the death of a worker process does to the scans it held.

One scan can break a whole chunk. Which one is not known, so a chunk that broke is cut into smaller ones until
the culprit is alone; only what happens to a scan alone counts against it, and its neighbours lose nothing but
time (docs/adr/0011).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, select
from sqlalchemy.orm import Session

from shared.db.events import lock_batches
from shared.db.models import Attempt, Batch, Scan
from shared.db.queries import CLAIM_COLUMNS, ClaimedScan, cancel_queued, end_claims
from shared.domain import ScanState
from shared.settings import Settings

# 128 -> 16 -> 2 -> 1: few rounds until the culprit is alone, and few chunks of one for the sake of its neighbours.
_SPLIT = 8
WORKER_LOST = "worker_lost"


@dataclass(frozen=True)
class Fault:
    """Why a claim is given back.

    `own`: known to be this scan's alone (its file could not be read, say), whatever the size of its chunk.
    """

    scan: ClaimedScan
    code: str
    message: str
    own: bool = False


def give_back(session: Session, faults: Sequence[Fault], *, now: datetime, settings: Settings) -> int:
    """Queue scans again after a pause, or end them as *failed* once their faults are too many; how many were held."""
    verdicts = [_judge(fault, counter="faults", limit=settings.attempts_limit) for fault in faults]
    return _release(session, verdicts, now=now, settings=settings)


def bury(session: Session, scans: Sequence[ClaimedScan], *, now: datetime, settings: Settings) -> int:
    """The same for scans whose process died."""
    message = f"The worker process died {settings.deaths_limit} times while it worked on this scan alone."
    verdicts = [
        _judge(Fault(scan, WORKER_LOST, message), counter="lone_deaths", limit=settings.deaths_limit) for scan in scans
    ]
    return _release(session, verdicts, now=now, settings=settings)


def expired(session: Session, *, now: datetime, limit: int) -> list[tuple[ClaimedScan, datetime]]:
    """Claims whose lease ran out, each with the end of its lease, the longest expired first."""
    query = _running(Scan.lease_until).where(Scan.lease_until < now).order_by(Scan.lease_until).limit(limit)
    return [(ClaimedScan(*row[:-1]), row[-1]) for row in session.execute(query)]


def held_by(session: Session, worker: str) -> list[ClaimedScan]:
    """The claims of one worker process."""
    return [ClaimedScan(*row) for row in session.execute(_running().where(Attempt.worker == worker))]


def _running(*more: Any) -> Select[*tuple[Any, ...]]:
    return (
        select(*CLAIM_COLUMNS, Attempt.chunk_scans, *more)
        .join(Attempt, and_(Attempt.scan_id == Scan.id, Attempt.fence == Scan.fence))
        .where(Scan.state == ScanState.RUNNING)
    )


def pause_s(times: int, *, settings: Settings) -> float:
    """How long to wait after the `times`-th fault: doubled each time, bounded, and scattered by up to a half."""
    longest: float = min(settings.retry_pause_s * 2 ** (times - 1), settings.retry_longest_pause_s)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  (scatters load, guards nothing)


@dataclass(frozen=True)
class _Verdict:
    """What becomes of a scan; scans with equal verdicts are written together."""

    code: str
    failed: str | None
    counter: str
    times: int
    chunk_limit: int | None


def _judge(fault: Fault, *, counter: str, limit: int) -> tuple[ClaimedScan, _Verdict]:
    scan = fault.scan
    times = getattr(scan, counter) + (fault.own or scan.alone)
    return scan, _Verdict(
        code=fault.code,
        failed=fault.message if times >= limit else None,
        counter=counter,
        times=times,
        chunk_limit=scan.chunk_limit if fault.own else max(1, scan.chunk_scans // _SPLIT),
    )


def _release(
    session: Session, verdicts: Sequence[tuple[ClaimedScan, _Verdict]], *, now: datetime, settings: Settings
) -> int:
    batch_ids = {scan.batch_id for scan, _ in verdicts}
    lock_batches(session, batch_ids)
    groups: dict[_Verdict, list[ClaimedScan]] = {}
    for scan, verdict in verdicts:
        groups.setdefault(verdict, []).append(scan)
    held = 0
    for verdict, scans in groups.items():
        held += len(
            end_claims(
                session,
                scans,
                now=now,
                outcome="released" if verdict.failed is None else "failed",
                reason=verdict.code,
                values=_values(verdict, now=now, settings=settings),
            )
        )
    for batch_id in batch_ids:
        batch = session.get(Batch, batch_id)
        if batch is not None and batch.cancel_requested_at is not None:
            cancel_queued(session, batch_id, now=now)
    return held


def _values(verdict: _Verdict, *, now: datetime, settings: Settings) -> dict[str, Any]:
    counted: dict[str, Any] = {verdict.counter: verdict.times, "chunk_limit": verdict.chunk_limit}
    if verdict.failed is not None:
        return counted | {
            "state": ScanState.FAILED,
            "code": verdict.code,
            "message": verdict.failed,
            "ended_at": now,
        }
    due_at = now + timedelta(seconds=pause_s(max(1, verdict.times), settings=settings))
    return counted | {"state": ScanState.QUEUED, "dispatched_at": None, "due_at": due_at}
