"""The use cases around webhooks: add, look at, remove, and send a delivery again.

Nothing is sent from here: a delivery is a row that is due, and a relay sends it (`worker/deliverer.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlalchemy import delete, exists, func, insert, select, update
from sqlalchemy.orm import Session, selectinload

from api.callers import Caller
from api.services import Services
from shared.audit import Action, append_entry
from shared.db.batch_ends import delivery_row
from shared.db.models import Webhook, WebhookAttempt, WebhookDelivery
from shared.db.session import reading, transaction
from shared.domain import DeliveryState, WebhookEvent
from shared.errors import Conflict, FieldTooLong, LimitExceeded, NotFound
from shared.webhook_signatures import new_secret
from shared.webhook_targets import checked_addresses, parse_target

_log = structlog.get_logger(__name__)


def add_webhook(
    services: Services, caller: Caller, *, url: str, events: Sequence[str], description: str | None
) -> Webhook:
    """Make a webhook of the caller's project, with a secret of its own.

    Raises TargetRefused where it must not lead, LimitExceeded where the project has as many as it may have.
    """
    settings = services.settings
    _refuse_too_long("url", url, most=settings.max_webhook_url_chars)
    _refuse_too_long("description", description or "", most=settings.max_webhook_description_chars)
    target = parse_target(url)
    if not settings.webhook_private_targets:
        # Told at once to whoever errs; what counts is asked again at each attempt.
        checked_addresses(target, private_allowed=False, resolver=services.resolver)
    webhook = Webhook(
        project=caller.project,
        url=url,
        events=sorted(set(events)),
        description=description,
        secret=new_secret(),
        created_at=services.clock(),
    )
    with transaction(services.engine) as session:
        _refuse_too_many(session, caller, most=settings.max_webhooks_per_project)
        session.add(webhook)
        session.flush()
        _tell(session, services, Action.WEBHOOK_CREATED, caller, webhook.id)
    _log.info("webhook_added", webhook_id=str(webhook.id))
    return webhook


def _refuse_too_long(field: str, text: str, *, most: int) -> None:
    if len(text) > most:
        raise FieldTooLong(
            f"The field '{field}' takes at most {most} characters.", limit=f"max_webhook_{field}_chars", value=most
        )


def _refuse_too_many(session: Session, caller: Caller, *, most: int) -> None:
    if session.get_bind().dialect.name == "postgresql":
        # Whoever counts at the same moment waits here; SQLite has one writer anyway.
        session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"webhooks of {caller.project}"))))
    there = session.scalar(select(func.count()).where(Webhook.project == caller.project)) or 0
    if there >= most:
        raise LimitExceeded(f"A project has at most {most} webhooks.", limit="max_webhooks_per_project", value=most)


def find_webhook(services: Services, caller: Caller, webhook_id: UUID) -> Webhook:
    """One webhook of the caller's project; NotFound if there is none."""
    with reading(services.engine) as session:
        return _own(session, caller, webhook_id)


def list_webhooks(services: Services, caller: Caller, *, before: UUID | None, limit: int) -> list[Webhook]:
    """Up to `limit` webhooks of the caller's project, newest first, older than `before`."""
    query = select(Webhook).where(Webhook.project == caller.project).order_by(Webhook.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Webhook.id < before)
    with reading(services.engine) as session:
        return list(session.scalars(query))


def delete_webhook(services: Services, caller: Caller, webhook_id: UUID) -> int:
    """Remove a webhook with its log, whatever waits in it; the number of deliveries that went."""
    with transaction(services.engine) as session:
        _own(session, caller, webhook_id, lock=True)
        mine = select(func.count()).where(WebhookDelivery.webhook_id == webhook_id)
        deliveries = session.scalar(mine) or 0
        session.execute(delete(Webhook).where(Webhook.id == webhook_id))
        _tell(session, services, Action.WEBHOOK_DELETED, caller, webhook_id)
    _log.info("webhook_deleted", webhook_id=str(webhook_id), deliveries=deliveries)
    return deliveries


def send_ping(services: Services, caller: Caller, webhook_id: UUID) -> WebhookDelivery:
    """Owe a webhook a `ping`; Conflict where it is disabled or one is on its way already."""
    with transaction(services.engine) as session:
        _refuse_disabled(_own(session, caller, webhook_id, lock=True))
        waiting = exists().where(
            WebhookDelivery.webhook_id == webhook_id,
            WebhookDelivery.event == WebhookEvent.PING,
            WebhookDelivery.state == DeliveryState.PENDING,
        )
        if session.scalar(select(waiting)):
            raise Conflict("A ping to this webhook is on its way already.", code="delivery_in_progress")
        row = delivery_row(webhook_id, WebhookEvent.PING, {"webhook_id": str(webhook_id)}, now=services.clock())
        session.execute(insert(WebhookDelivery), [row])
        return _delivery(session, webhook_id, row["id"])


def list_deliveries(
    services: Services, caller: Caller, webhook_id: UUID, *, before: UUID | None, limit: int
) -> list[WebhookDelivery]:
    """Up to `limit` deliveries of a webhook with their attempts, newest first, older than `before`."""
    query = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    if before is not None:
        query = query.where(WebhookDelivery.id < before)
    query = query.options(selectinload(WebhookDelivery.attempts)).order_by(WebhookDelivery.id.desc()).limit(limit)
    with reading(services.engine) as session:
        _own(session, caller, webhook_id)
        return list(session.scalars(query))


def resend(services: Services, caller: Caller, webhook_id: UUID, delivery_id: UUID) -> WebhookDelivery:
    """Have a delivery sent now, under its old id and with attempts as if it were new.

    Raises NotFound, and Conflict where the webhook is disabled, the delivery is being sent right now, or it has been
    tried `max_webhook_attempts` times.
    """
    now, most = services.clock(), services.settings.max_webhook_attempts
    with transaction(services.engine) as session:
        _refuse_disabled(_own(session, caller, webhook_id, lock=True))
        delivery = _delivery(session, webhook_id, delivery_id, lock=True)
        due_at, newest = delivery.next_attempt_at, delivery.attempts[-1:]
        if due_at is not None and due_at > now and any(_is_open(attempt) for attempt in newest):
            raise Conflict("This delivery is being sent right now.", code="delivery_in_progress")
        if delivery.attempts_made >= most:
            raise Conflict(f"This delivery was tried max_webhook_attempts = {most} times.", code="too_many_attempts")
        session.execute(
            update(WebhookDelivery)
            .where(WebhookDelivery.id == delivery_id)
            .values(state=DeliveryState.PENDING, next_attempt_at=now, attempts_before=WebhookDelivery.attempts_made)
            .execution_options(synchronize_session=False)
        )
        _tell(session, services, Action.WEBHOOK_RESENT, caller, delivery_id)
        session.expire_all()
        return _delivery(session, webhook_id, delivery_id)


def _is_open(attempt: WebhookAttempt) -> bool:
    return attempt.duration_ms is None and attempt.error is None


def _own(session: Session, caller: Caller, webhook_id: UUID, *, lock: bool = False) -> Webhook:
    webhook = session.get(Webhook, webhook_id, with_for_update=lock or None)
    if webhook is None or webhook.project != caller.project:
        raise NotFound("There is no such webhook.")
    return webhook


def _refuse_disabled(webhook: Webhook) -> None:
    if webhook.disabled_at is not None:
        raise Conflict(
            "Its receiver answered 410 Gone, so this webhook is disabled. Add a new one.", code="webhook_disabled"
        )


def _delivery(session: Session, webhook_id: UUID, delivery_id: UUID, *, lock: bool = False) -> WebhookDelivery:
    query = select(WebhookDelivery).where(WebhookDelivery.id == delivery_id, WebhookDelivery.webhook_id == webhook_id)
    query = query.options(selectinload(WebhookDelivery.attempts))
    delivery = session.scalar(query.with_for_update() if lock else query)
    if delivery is None:
        raise NotFound("There is no such delivery.")
    return delivery


def _tell(session: Session, services: Services, action: Action, caller: Caller, subject: UUID) -> None:
    append_entry(
        session,
        action,
        actor=caller.actor,
        project=caller.project,
        subject=subject,
        request_id=caller.request_id,
        now=services.clock(),
    )
