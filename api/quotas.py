"""How much of the service one project may hold: scans that wait, and bytes that are stored. Counted in SQL."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.db.models import Batch, Scan
from shared.domain import UNFINISHED
from shared.errors import TooManyRequests
from shared.settings import Settings

# When to look again: a queue is worked off, what is stored has to be deleted first.
_QUEUE_AFTER_S, _STORE_AFTER_S = 30, 3600


def check_quotas(session: Session, settings: Settings, *, project: str, scans: int = 1, size_bytes: int = 0) -> None:
    """TooManyRequests where a project may not have this much more.

    Submissions that are received at the same moment do not see each other: together they may pass a quota.
    """
    unfinished = session.scalar(select(func.count()).where(Scan.project == project, Scan.state.in_(UNFINISHED))) or 0
    if scans and unfinished + scans > settings.max_unfinished_scans:
        raise TooManyRequests(
            f"{unfinished} scans of this project wait or run; with these they would be more than "
            f"{settings.max_unfinished_scans}.",
            code="quota_exceeded",
            limit="max_unfinished_scans",
            value=settings.max_unfinished_scans,
            retry_after_s=_QUEUE_AFTER_S,
        )
    stored = session.scalar(select(func.sum(Batch.size_bytes)).where(Batch.project == project)) or 0
    if stored + size_bytes > settings.max_stored_bytes:
        raise TooManyRequests(
            f"This project has {stored} bytes stored; with these they would be more than {settings.max_stored_bytes}. "
            "Delete batches first.",
            code="quota_exceeded",
            limit="max_stored_bytes",
            value=settings.max_stored_bytes,
            retry_after_s=_STORE_AFTER_S,
        )
