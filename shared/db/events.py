"""What happened to a batch's scans, numbered so that a client can go on where it stopped.

Numbers are given under a lock on the batch's row, so they appear in the order of commits and none is missing: whoever
has seen number n has seen all before it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select
from sqlalchemy.orm import Session

from shared.db.batch_ends import note_end
from shared.db.models import Event
from shared.db.tables import BATCHES, EVENTS
from shared.domain import TERMINAL, ScanState

# Asked for every chunk of scans, so made once.
_LOCK = (
    select(BATCHES.c.id, BATCHES.c.project)
    .where(BATCHES.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(BATCHES.c.id)
    .with_for_update()
)
_LAST_NUMBER = select(func.max(EVENTS.c.number)).where(EVENTS.c.batch_id == bindparam("batch_id"))


def lock_batches(session: Session, batch_ids: Collection[UUID]) -> dict[UUID, str]:
    """Take the batches' locks, always before those of their scans and in order of ids, so that nobody deadlocks.

    Returns the batches' projects.
    """
    return {row.id: row.project for row in session.execute(_LOCK, {"ids": list(set(batch_ids))})}


def append_events(session: Session, batch_id: UUID, states: Mapping[UUID, ScanState], *, now: datetime) -> None:
    """Note the new state of scans, and the batch's end if they were its last; the caller holds the batch's lock."""
    if not states:
        return
    last = session.scalar(_LAST_NUMBER, {"batch_id": batch_id}) or 0
    session.execute(
        insert(EVENTS),
        [
            {"batch_id": batch_id, "number": number, "scan_id": scan_id, "state": state, "at": now}
            for number, (scan_id, state) in enumerate(sorted(states.items()), start=last + 1)
        ],
    )
    if TERMINAL & set(states.values()):
        note_end(session, batch_id, now=now)


def events_after(session: Session, batch_id: UUID, *, number: int, limit: int) -> list[Event]:
    """Up to `limit` events of a batch later than `number`, in order."""
    query = select(Event).where(Event.batch_id == batch_id, Event.number > number)
    return list(session.scalars(query.order_by(Event.number).limit(limit)))
