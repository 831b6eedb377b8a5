"""The steps of delivery that must be right on both databases: outbox, claim, record, count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, Row, Select, bindparam, func, insert, or_, select, tuple_, update
from sqlalchemy.orm import Session

from shared.db.events import append_events, lock_batches
from shared.db.models import Scan
from shared.db.tables import ATTEMPTS, BATCHES, PREDICTIONS, SCANS
from shared.domain import UNFINISHED, ScanState


@dataclass(frozen=True)
class ClaimedScan:
    """A scan that this worker owns until its lease ends."""

    id: UUID
    batch_id: UUID
    fence: int
    upload_key: str | None
    frame: int
    faults: int
    lone_deaths: int
    chunk_limit: int | None
    chunk_scans: int

    @property
    def alone(self) -> bool:
        """Whether the claim held no other scan, so that a fault or a death is this one's."""
        return self.chunk_scans == 1


CLAIM_COLUMNS = (
    Scan.id,
    Scan.batch_id,
    Scan.fence,
    Scan.upload_key,
    Scan.frame,
    Scan.faults,
    Scan.lone_deaths,
    Scan.chunk_limit,
)

# What is asked for every chunk is made once, and of tables: it takes half of the time in SQLAlchemy.
_IDS: BindParameter[UUID] = bindparam("ids", expanding=True)
_CLAIMS: BindParameter[tuple[UUID, int]] = bindparam("claims", expanding=True)
# Locked in order of ids, so that two deliveries of one message wait for each other instead of deadlocking.
_FREE = (
    select(SCANS.c.id, SCANS.c.chunk_limit)
    .where(SCANS.c.id.in_(_IDS), SCANS.c.state == ScanState.QUEUED)
    .order_by(SCANS.c.id)
    .with_for_update()
)
_CLAIM = (
    update(SCANS)
    .where(SCANS.c.id.in_(_IDS), SCANS.c.state == ScanState.QUEUED)
    .values(
        state=ScanState.RUNNING,
        fence=SCANS.c.fence + 1,
        lease_until=bindparam("until"),
        due_at=None,
        started_at=func.coalesce(SCANS.c.started_at, bindparam("now", type_=SCANS.c.started_at.type)),
    )
    .returning(*(SCANS.c[column.key] for column in CLAIM_COLUMNS))
)
# Without pairs: that takes a third of the time.
_WANTED = (
    select(SCANS.c.id, SCANS.c.fence)
    .join(BATCHES, BATCHES.c.id == SCANS.c.batch_id)
    .where(SCANS.c.id.in_(_IDS), SCANS.c.state == ScanState.RUNNING, BATCHES.c.cancel_requested_at.is_(None))
)
_RUNNING_CLAIMS = update(SCANS).where(
    SCANS.c.state == ScanState.RUNNING, tuple_(SCANS.c.id, SCANS.c.fence).in_(_CLAIMS)
)
_THEIR_ATTEMPTS = update(ATTEMPTS).where(tuple_(ATTEMPTS.c.scan_id, ATTEMPTS.c.fence).in_(_CLAIMS))


@dataclass(frozen=True)
class Outcome:
    """How a claimed scan ended; `prediction` holds the columns of its result if it succeeded."""

    scan: ClaimedScan
    state: ScanState
    code: str | None = None
    message: str | None = None
    prediction: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class BatchProgress:
    """What is derived from a batch's scans."""

    counts: Mapping[ScanState, int]
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def unfinished(self) -> int:
        """Scans that have not come to their end."""
        return sum(self.counts[state] for state in UNFINISHED)


def take_undispatched(session: Session, *, now: datetime, limit: int) -> list[tuple[UUID, int | None]]:
    """Lock and mark up to `limit` scans that are queued, due and not yet published, oldest first; with chunk limits."""
    rows = session.execute(
        select(Scan.id, Scan.chunk_limit)
        .where(
            Scan.state == ScanState.QUEUED,
            Scan.dispatched_at.is_(None),
            or_(Scan.due_at.is_(None), Scan.due_at <= now),
        )
        .order_by(Scan.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    if rows:
        session.execute(update(Scan).where(Scan.id.in_([row.id for row in rows])).values(dispatched_at=now))
    return [(row.id, row.chunk_limit) for row in rows]


def claim(
    session: Session, scan_ids: Collection[UUID], *, worker: str, now: datetime, lease_s: float
) -> list[ClaimedScan]:
    """Make this worker the owner of those scans that are queued; the others are somebody else's or done."""
    free = session.execute(_FREE, {"ids": list(scan_ids)}).all()
    together = _together([(row.id, row.chunk_limit) for row in free])
    until = now + timedelta(seconds=lease_s)
    rows = session.execute(_CLAIM, {"ids": together, "until": until, "now": now}).all()
    claimed = sorted((ClaimedScan(**row._asdict(), chunk_scans=len(rows)) for row in rows), key=lambda scan: scan.id)
    if claimed:
        session.execute(
            insert(ATTEMPTS),
            [
                {"scan_id": s.id, "fence": s.fence, "worker": worker, "chunk_scans": s.chunk_scans, "started_at": now}
                for s in claimed
            ],
        )
    return claimed


def _together(free: Sequence[tuple[UUID, int | None]]) -> list[UUID]:
    """Those that one claim may hold: an old message must not bring a scan that broke its chunk into company again.

    What is left out stays queued; it has a smaller message of its own.
    """
    unlimited = [scan_id for scan_id, limit in free if limit is None or limit >= len(free)]
    if unlimited or not free:
        return unlimited
    smallest = min(limit for _, limit in free if limit is not None)
    return [scan_id for scan_id, _ in free][:smallest]


def record(session: Session, outcomes: Sequence[Outcome], *, now: datetime) -> set[UUID]:
    """Write outcomes of claims that still hold, and the ids of those; a claim that was lost changes nothing.

    A second call with the same outcomes changes nothing either, so it may follow a commit whose answer was lost.
    """
    projects = lock_batches(session, {outcome.scan.batch_id for outcome in outcomes})
    held: set[UUID] = set()
    groups: dict[tuple[ScanState, str | None, str | None], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault((outcome.state, outcome.code, outcome.message), []).append(outcome)
    for (state, code, message), group in groups.items():
        held |= end_claims(
            session,
            [o.scan for o in group],
            now=now,
            outcome=state.value,
            reason=code,
            values={"state": state, "code": code, "message": message, "ended_at": now},
        )
    predictions = [
        {
            "scan_id": o.scan.id,
            "batch_id": o.scan.batch_id,
            "project": projects[o.scan.batch_id],
            "created_at": now,
            **o.prediction,
        }
        for o in outcomes
        if o.prediction is not None and o.scan.id in held
    ]
    if predictions:
        session.execute(insert(PREDICTIONS), predictions)
    return held


def renew(session: Session, scans: Sequence[ClaimedScan], *, until: datetime) -> None:
    """Prolong the leases of those claims that still hold."""
    claims = [(scan.id, scan.fence) for scan in scans]
    session.execute(_RUNNING_CLAIMS.values(lease_until=until), {"claims": claims})


def wanted(session: Session, scans: Collection[ClaimedScan]) -> set[UUID]:
    """Those of `scans` that are still worth working on: the claim holds and nobody asked to cancel the batch."""
    fences = {scan.id: scan.fence for scan in scans}
    return {row.id for row in session.execute(_WANTED, {"ids": list(fences)}) if row.fence == fences[row.id]}


def cancel_queued(session: Session, batch_id: UUID, *, now: datetime) -> int:
    """End those scans of a batch that have not been claimed; their number."""
    values = {"state": ScanState.CANCELLED, "ended_at": now, "due_at": None}
    return _move_all(session, batch_id, start=ScanState.QUEUED, values=values, now=now)


def requeue_failed(session: Session, batch_id: UUID, *, now: datetime) -> int:
    """Queue the failed scans of a batch again, with all their attempts before them; their number."""
    cleared = dict.fromkeys(("code", "message", "ended_at", "dispatched_at"))
    # The chunk limit stays: a scan that killed its process is not to take neighbours with it.
    values = {"state": ScanState.QUEUED, "faults": 0, "lone_deaths": 0, "due_at": now, **cleared}
    return _move_all(session, batch_id, start=ScanState.FAILED, values=values, now=now)


def _move_all(session: Session, batch_id: UUID, *, start: ScanState, values: Mapping[str, Any], now: datetime) -> int:
    lock_batches(session, [batch_id])
    moved = session.scalars(
        update(Scan)
        .where(Scan.batch_id == batch_id, Scan.state == start)
        .values(**values)
        .returning(Scan.id)
        .execution_options(synchronize_session=False)
    ).all()
    append_events(session, batch_id, dict.fromkeys(moved, values["state"]), now=now)
    return len(moved)


def end_claims(
    session: Session,
    scans: Sequence[ClaimedScan],
    *,
    now: datetime,
    outcome: str,
    reason: str | None,
    values: Mapping[str, Any],
) -> set[UUID]:
    """Move those of `scans` whose fence still holds out of *running*; their ids."""
    if not scans:
        return set()
    claims = [(scan.id, scan.fence) for scan in scans]
    ending = _RUNNING_CLAIMS.values(lease_until=None, **values).returning(SCANS.c.id)
    held = set(session.scalars(ending, {"claims": claims}))
    session.execute(
        _THEIR_ATTEMPTS.values(ended_at=now, outcome=outcome, reason=reason),
        {"claims": [claim for claim in claims if claim[0] in held]},
    )
    for batch_id in {scan.batch_id for scan in scans}:
        mine = {scan.id for scan in scans if scan.batch_id == batch_id}
        append_events(session, batch_id, dict.fromkeys(mine & held, values["state"]), now=now)
    return held


# By batch and state: the number of scans, the first start and the last end. Made once: it is what polls ask.
PROGRESS: Select[UUID, ScanState, int, datetime | None, datetime | None] = (
    select(Scan.batch_id, Scan.state, func.count(), func.min(Scan.started_at), func.max(Scan.ended_at))
    .where(Scan.batch_id.in_(bindparam("batch_ids", expanding=True)))
    .group_by(Scan.batch_id, Scan.state)
)


def progress(session: Session, batch_ids: Collection[UUID]) -> dict[UUID, BatchProgress]:
    """Count the scans of each batch by state."""
    found: dict[UUID, list[Row[UUID, ScanState, int, datetime | None, datetime | None]]] = defaultdict(list)
    for row in session.execute(PROGRESS, {"batch_ids": list(batch_ids)}):
        found[row[0]].append(row)
    return {batch_id: _progress_of(found[batch_id]) for batch_id in batch_ids}


def _progress_of(rows: Sequence[Row[UUID, ScanState, int, datetime | None, datetime | None]]) -> BatchProgress:
    return BatchProgress(
        counts=dict.fromkeys(ScanState, 0) | {row[1]: row[2] for row in rows},
        started_at=min((row[3] for row in rows if row[3]), default=None),
        ended_at=max((row[4] for row in rows if row[4]), default=None),
    )
