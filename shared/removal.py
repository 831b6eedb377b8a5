"""Takes a batch away with all that belongs to it, so that nothing of it is left in the database or the store.

Rows go first: files without rows are found and swept, rows without files would be broken results. Messages in the
broker go last (`shared.withdrawal`).
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from shared.db.models import Batch, Prediction, Scan


@dataclass(frozen=True)
class Removed:
    """What a removal took away."""

    scans: int
    predictions: int
    files: int
    size_bytes: int


def remove_rows(session: Session, batch_id: UUID) -> tuple[list[UUID], int]:
    """Remove a batch's rows; its scans' ids and how many predictions there were.

    Left are the audit trail and the log of webhooks, which hold its id. The caller holds the batch's lock, and removes
    files and messages once this is committed.
    """
    mine = select(Scan.id).where(Scan.batch_id == batch_id)
    scans = list(session.scalars(mine))
    predictions = session.scalar(select(func.count()).select_from(Prediction).where(Prediction.scan_id.in_(mine)))
    session.execute(delete(Batch).where(Batch.id == batch_id))
    return scans, predictions or 0
