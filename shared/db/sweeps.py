"""What the relay and its reconciler ask the database: who works, what was lost, what belongs to a row."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from shared.db.models import Batch, Prediction, RelayLease, Scan
from shared.db.queries import cancel_queued
from shared.domain import ScanState
from shared.settings import Settings

# Clocks of machines that work together may differ by this much.
_SKEW = timedelta(seconds=60)


def take_lease(session: Session, *, holder: str, now: datetime, lease_s: float) -> bool:
    """Become or stay the one relay that works; False while another holds the lease."""
    until = now + timedelta(seconds=lease_s)
    ended = or_(RelayLease.until < now, RelayLease.until > until + _SKEW)  # the latter by a clock that was wrong
    taken = session.execute(
        update(RelayLease)
        .where(or_(RelayLease.holder == holder, ended))
        .values(holder=holder, until=until)
        .returning(RelayLease.id)
    )
    return taken.first() is not None


def leave_lease(session: Session, *, holder: str, now: datetime) -> None:
    """Let another relay take over at once."""
    session.execute(update(RelayLease).where(RelayLease.holder == holder).values(until=now - timedelta(seconds=1)))


def mend_times(session: Session, *, now: datetime, settings: Settings) -> int:
    """Bring times back that only a clock that was wrong can have set: nothing is to wait for a year; their number."""
    latest_due = now + timedelta(seconds=settings.retry_longest_pause_s)
    latest_lease = now + timedelta(seconds=settings.lease_s)
    mended = 0
    for state, column, latest in (
        (ScanState.QUEUED, Scan.due_at, latest_due),
        (ScanState.QUEUED, Scan.dispatched_at, now),
        (ScanState.RUNNING, Scan.lease_until, latest_lease),
    ):
        changed = session.scalars(
            update(Scan)
            .where(Scan.state == state, column > latest + _SKEW)
            .values({column: latest})
            .returning(Scan.id)
            .execution_options(synchronize_session=False)
        ).all()
        mended += len(changed)
    return mended


def forget_dispatch(session: Session, *, before: datetime) -> int:
    """Mark scans as not dispatched that were published before a time and have not been claimed; their number."""
    lost = session.scalars(
        update(Scan)
        .where(Scan.state == ScanState.QUEUED, Scan.dispatched_at < before)
        .values(dispatched_at=None)
        .returning(Scan.id)
        .execution_options(synchronize_session=False)
    ).all()
    return len(lost)


def forget_dispatch_of(session: Session, scan_ids: Collection[UUID]) -> None:
    """Mark those of `scan_ids` that wait as not dispatched."""
    session.execute(
        update(Scan)
        .where(Scan.id.in_(scan_ids), Scan.state == ScanState.QUEUED)
        .values(dispatched_at=None)
        .execution_options(synchronize_session=False)
    )


def newest_claimed_dispatch(session: Session) -> datetime | None:
    """When the scan among the running ones that was published last was published."""
    return session.scalar(select(func.max(Scan.dispatched_at)).where(Scan.state == ScanState.RUNNING))


def cancel_leftovers(session: Session, *, now: datetime) -> int:
    """End scans that wait although their batch was cancelled; their number."""
    batch_ids = session.scalars(
        select(Scan.batch_id)
        .join(Batch, Batch.id == Scan.batch_id)
        .where(Scan.state == ScanState.QUEUED, Batch.cancel_requested_at.is_not(None))
        .distinct()
    ).all()
    return sum(cancel_queued(session, batch_id, now=now) for batch_id in sorted(batch_ids))


@dataclass(frozen=True)
class BatchFiles:
    """What the rows of one batch say about its files: names within its folder of artifacts."""

    named: frozenset[str]
    in_work: frozenset[tuple[UUID, int]]


def batch_files(session: Session, batch_id: UUID) -> BatchFiles | None:
    """Names that predictions give, and the claims that may still be writing; None where there is no such batch."""
    if session.get(Batch, batch_id) is None:
        return None
    # Claims before results: a claim that is recorded between the two queries is then seen twice and not never.
    running = session.execute(
        select(Scan.id, Scan.fence).where(Scan.batch_id == batch_id, Scan.state == ScanState.RUNNING)
    ).all()
    paths = session.execute(
        select(Prediction.heatmap_path, Prediction.grid_path, Prediction.overlay_path)
        .join(Scan, Scan.id == Prediction.scan_id)
        .where(Scan.batch_id == batch_id)
    ).all()
    return BatchFiles(
        named=frozenset(path.rsplit("/", 1)[-1] for row in paths for path in row),
        in_work=frozenset((row.id, row.fence) for row in running),
    )


def known_batches(session: Session, batch_ids: Collection[UUID]) -> set[UUID]:
    """Those of `batch_ids` that have a row."""
    return set(session.scalars(select(Batch.id).where(Batch.id.in_(batch_ids))))
