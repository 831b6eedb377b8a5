"""The trail of who did what to which id, without patient data: ids, numbers and times alone.

An entry is written in the transaction of what it tells of, so neither can be there without the other, and triggers
refuse to change or remove it. Entries outlive what they are about.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.db.base import new_id
from shared.db.models import AuditEntry

# Who acts where no key does.
COMMAND, RETENTION, NOBODY = "command", "retention", "nobody"


class Action(StrEnum):
    """What is told of."""

    BATCH_SUBMITTED = "batch.submitted"
    BATCH_CANCELLED = "batch.cancelled"
    BATCH_DELETED = "batch.deleted"
    SCAN_RETRIED = "scan.retried"
    SCAN_CORRECTED = "scan.corrected"
    SCAN_CORRECTION_WITHDRAWN = "scan.correction_withdrawn"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    LOGIN_REFUSED = "login.refused"
    WEBHOOK_CREATED = "webhook.created"
    WEBHOOK_DELETED = "webhook.deleted"
    WEBHOOK_RESENT = "webhook.resent"
    RETENTION_REMOVED = "retention.removed"


def append_entry(
    session: Session,
    action: Action,
    *,
    actor: str,
    now: datetime,
    project: str | None = None,
    subject: UUID | str | None = None,
    count: int | None = None,
    request_id: str | None = None,
) -> None:
    """Add one entry to the transaction in hand; `count` is a number of scans, or of refused requests."""
    session.add(
        AuditEntry(
            id=new_id(),
            at=now,
            actor=actor,
            action=action,
            project=project,
            subject=None if subject is None else str(subject),
            count=count,
            request_id=request_id,
        )
    )


def list_entries(
    session: Session, *, project: str | None = None, before: UUID | None = None, limit: int
) -> list[AuditEntry]:
    """Up to `limit` entries, newest first: a project's own, or of all where none is named."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if project is not None:
        query = query.where(AuditEntry.project == project)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    return list(session.scalars(query))


def refused_logins(session: Session) -> int:
    """How many requests without a right key have been refused so far."""
    query = select(func.sum(AuditEntry.count)).where(AuditEntry.action == Action.LOGIN_REFUSED)
    return session.scalar(query) or 0


def were_submitted(session: Session, batch_ids: Collection[UUID]) -> bool:
    """Whether any of `batch_ids` has been a batch of this database, be it deleted since."""
    subjects = list(map(str, batch_ids))
    query = select(AuditEntry.id).where(AuditEntry.action == Action.BATCH_SUBMITTED, AuditEntry.subject.in_(subjects))
    return session.scalar(query.limit(1)) is not None
