"""Turns the end of a batch into deliveries to its project's webhooks, in the transaction that ended its last scan.

Every step that ends a scan, whoever takes it, notes it through `shared.db.events` under the batch's lock, so exactly
one of them finds that no other scan is unfinished. No relay has to look for batches that ended (docs/adr/0017).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select
from sqlalchemy.orm import Session

from shared.db.base import new_id
from shared.db.models import Batch, Scan, Webhook, WebhookDelivery
from shared.db.tables import SCANS
from shared.domain import UNFINISHED, DeliveryState, ScanState, WebhookEvent, batch_state

# Asked for every chunk of scans, so made once.
_AN_UNFINISHED_SCAN = (
    select(SCANS.c.id).where(SCANS.c.batch_id == bindparam("batch_id"), SCANS.c.state.in_(UNFINISHED)).limit(1)
)


def note_end(session: Session, batch_id: UUID, *, now: datetime) -> None:
    """Owe each webhook of the batch's project a delivery, if no scan of it is unfinished.

    The caller has just ended scans of the batch and holds its lock.
    """
    if session.scalar(_AN_UNFINISHED_SCAN, {"batch_id": batch_id}) is not None:
        return
    batch = session.get_one(Batch, batch_id)
    # Held until the commit: one that is deleted in between must not fail the recording of results.
    webhooks = session.execute(
        select(Webhook.id, Webhook.events)
        .where(Webhook.project == batch.project, Webhook.disabled_at.is_(None))
        .with_for_update(read=True, key_share=True)
    ).all()
    wanting = [webhook.id for webhook in webhooks if WebhookEvent.BATCH_COMPLETED in webhook.events]
    if wanting:
        data = _data(session, batch)
        rows = [delivery_row(webhook_id, WebhookEvent.BATCH_COMPLETED, data, now=now) for webhook_id in wanting]
        session.execute(insert(WebhookDelivery), [{**row, "batch_id": batch_id} for row in rows])


def delivery_row(webhook_id: UUID, event: WebhookEvent, data: dict[str, Any], *, now: datetime) -> dict[str, Any]:
    """The columns of a delivery that is due at once; its body is a payload as Standard Webhooks advises."""
    timestamp = now.astimezone(UTC).isoformat().replace("+00:00", "Z")
    body = {"type": str(event), "timestamp": timestamp, "data": data}
    return {
        "id": new_id(),
        "webhook_id": webhook_id,
        "event": event,
        "body": json.dumps(body, separators=(",", ":")),
        "state": DeliveryState.PENDING,
        "attempts_made": 0,
        "attempts_before": 0,
        "next_attempt_at": now,
        "created_at": now,
    }


def _data(session: Session, batch: Batch) -> dict[str, Any]:
    """Ids and numbers alone: what is sent leaves this machine."""
    rows = session.execute(select(Scan.state, func.count()).where(Scan.batch_id == batch.id).group_by(Scan.state)).all()
    counts = dict.fromkeys(ScanState, 0) | dict[ScanState, int]((state, count) for state, count in rows)
    return {
        "batch_id": str(batch.id),
        "state": str(batch_state(counts, cancel_requested=batch.cancel_requested_at is not None)),
        "total": sum(counts.values()),
        "counts": {str(state): count for state, count in counts.items()},
    }
