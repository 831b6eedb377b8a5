"""Which delivery is due, who sends it, and what came of it: the rows are the queue.

Taking a delivery counts an attempt, writes it down and moves the row's due time to when its sender must count as dead.
So a sender that is killed leaves a row that is due again by itself, under the same `webhook-id`; and what it may still
write afterwards is fenced off by the attempt's number.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from shared.db.models import Webhook, WebhookAttempt, WebhookDelivery
from shared.domain import DeliveryState
from shared.settings import Settings

# Why an attempt came to nothing that no receiver had a part in.
INTERRUPTED, DISABLED = "interrupted", "webhook_disabled"
_GROWTH = 4
# Beyond this, powers of it overflow; the longest pause is reached long before.
_LAST_GROWTH = 32
# A sender that has taken this many times as long as an attempt may take counts as dead.
_IN_FLIGHT_TIMES = 2
# A due time further off than any pause was set by a clock that was wrong.
_SKEW = timedelta(seconds=60)
_ROWS_AT_ONCE = 1_000


@dataclass(frozen=True)
class Taken:
    """A delivery that is this sender's until its time is over."""

    id: UUID
    webhook_id: UUID
    project: str
    url: str
    secret: str
    body: bytes
    number: int
    tries: int


@dataclass(frozen=True)
class Outcome:
    """What came of one attempt: `error` is None where the receiver answered 2xx."""

    duration_ms: int
    status_code: int | None = None
    error: str | None = None
    retry_after_s: float = 0.0
    gone: bool = False


def take_due(session: Session, *, now: datetime, busy: Mapping[UUID, str], settings: Settings) -> Taken | None:
    """Take the delivery that has been due for longest, of a webhook that is not `busy`; None where there is none.

    `busy` are webhooks and their projects. One that is of none of these projects goes before all others: however many
    receivers of one project hang, the next sender that is free is another project's.
    """
    delivery = _longest_due(session, now, busy, settings, but_of=set(busy.values())) if busy else None
    delivery = delivery or _longest_due(session, now, busy, settings)
    if delivery is None:
        return None
    _close_interrupted(session, delivery.id)
    tries = delivery.attempts_made - delivery.attempts_before
    if tries >= settings.webhook_attempts_limit or delivery.attempts_made >= settings.max_webhook_attempts:
        # Its sender died in the last attempt; without this bound a delivery could kill senders for ever.
        delivery.state, delivery.next_attempt_at = DeliveryState.FAILED, None
        return None
    number = delivery.attempts_made + 1
    delivery.attempts_made = number
    delivery.next_attempt_at = now + timedelta(seconds=_IN_FLIGHT_TIMES * settings.webhook_timeout_s)
    session.add(WebhookAttempt(delivery_id=delivery.id, number=number, started_at=now))
    webhook = session.get_one(Webhook, delivery.webhook_id)
    if webhook.disabled_at is not None:
        session.flush()
        _fail_pending(session, webhook.id)
        return None
    return Taken(
        id=delivery.id,
        webhook_id=webhook.id,
        project=webhook.project,
        url=webhook.url,
        secret=webhook.secret,
        body=delivery.body.encode(),
        number=number,
        tries=number - delivery.attempts_before,
    )


def _longest_due(
    session: Session, now: datetime, busy: Collection[UUID], settings: Settings, *, but_of: Collection[str] = ()
) -> WebhookDelivery | None:
    """The delivery, locked, of a webhook that is not `busy` and of no project in `but_of`."""
    longest_s = max(settings.webhook_retry_longest_pause_s, _IN_FLIGHT_TIMES * settings.webhook_timeout_s)
    latest = now + timedelta(seconds=longest_s) + _SKEW
    theirs = select(Webhook.id).where(Webhook.project.in_(but_of))
    return session.scalar(
        select(WebhookDelivery)
        .where(
            WebhookDelivery.state == DeliveryState.PENDING,
            or_(WebhookDelivery.next_attempt_at <= now, WebhookDelivery.next_attempt_at > latest),
            WebhookDelivery.webhook_id.not_in(theirs if but_of else busy),
        )
        .order_by(WebhookDelivery.next_attempt_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )


def end_attempt(session: Session, taken: Taken, outcome: Outcome, *, now: datetime, settings: Settings) -> None:
    """Write down what came of an attempt, and when the next one is due if there is to be one."""
    if outcome.gone:
        # Locked before what is below it, as everybody does.
        session.execute(update(Webhook).where(Webhook.id == taken.webhook_id).values(disabled_at=now))
    session.execute(
        update(WebhookAttempt)
        .where(WebhookAttempt.delivery_id == taken.id, WebhookAttempt.number == taken.number)
        .values(duration_ms=outcome.duration_ms, status_code=outcome.status_code, error=outcome.error)
    )
    if outcome.gone:
        _fail_pending(session, taken.webhook_id)
        return
    state, due_at = DeliveryState.DELIVERED, None
    if outcome.error is not None:
        state = DeliveryState.FAILED
        if taken.tries < settings.webhook_attempts_limit and taken.number < settings.max_webhook_attempts:
            state = DeliveryState.PENDING
            due_at = now + timedelta(seconds=pause_s(taken.tries, outcome.retry_after_s, settings=settings))
    session.execute(
        update(WebhookDelivery)
        .where(
            WebhookDelivery.id == taken.id,
            WebhookDelivery.attempts_made == taken.number,
            WebhookDelivery.state == DeliveryState.PENDING,
        )
        .values(state=state, next_attempt_at=due_at)
    )


def pause_s(tries: int, retry_after_s: float, *, settings: Settings) -> float:
    """How long to wait after the `tries`-th attempt: four times as long each time, scattered, bounded.

    A receiver that says when to come again (Retry-After) is not asked before.
    """
    grown = settings.webhook_retry_pause_s * _GROWTH ** min(tries - 1, _LAST_GROWTH)
    longest = settings.webhook_retry_longest_pause_s
    scattered: float = min(grown, longest) * random.uniform(0.5, 1.0)  # noqa: S311  (scatters load, guards nothing)
    return max(scattered, min(retry_after_s, longest))


def remove_old_deliveries(session: Session, *, before: datetime) -> int:
    """Take some of the ended deliveries out of the log that are from before a time; their number."""
    ended = WebhookDelivery.state != DeliveryState.PENDING
    old = (
        select(WebhookDelivery.id)
        .where(WebhookDelivery.created_at < before, ended)
        .order_by(WebhookDelivery.created_at)
        .limit(_ROWS_AT_ONCE)
    )
    ids = session.scalars(old).all()
    if ids:
        session.execute(delete(WebhookDelivery).where(WebhookDelivery.id.in_(ids), ended))
    return len(ids)


def _close_interrupted(session: Session, delivery_id: UUID) -> None:
    """Note that the sender of an attempt that never ended is gone."""
    session.execute(
        update(WebhookAttempt)
        .where(
            WebhookAttempt.delivery_id == delivery_id,
            WebhookAttempt.duration_ms.is_(None),
            WebhookAttempt.error.is_(None),
        )
        .values(error=INTERRUPTED)
    )


def _fail_pending(session: Session, webhook_id: UUID) -> None:
    """End whatever waits for a webhook that is disabled."""
    pending = (WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.state == DeliveryState.PENDING)
    session.execute(
        update(WebhookAttempt)
        .where(
            WebhookAttempt.delivery_id.in_(select(WebhookDelivery.id).where(*pending)),
            WebhookAttempt.duration_ms.is_(None),
            WebhookAttempt.error.is_(None),
        )
        .values(error=DISABLED)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(WebhookDelivery)
        .where(*pending)
        .values(state=DeliveryState.FAILED, next_attempt_at=None)
        .execution_options(synchronize_session=False)
    )
