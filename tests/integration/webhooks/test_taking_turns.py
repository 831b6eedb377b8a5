"""Whose delivery is the next one, where more wait than there are senders."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine

from shared.clock import utc_now
from shared.db.base import new_id
from shared.db.models import Webhook, WebhookDelivery
from shared.db.session import transaction
from shared.domain import DeliveryState, WebhookEvent
from shared.settings import Settings
from worker.webhook_queue import Taken, take_due


@pytest.fixture
def begun() -> datetime:
    return utc_now()


def add_webhooks(engine: Engine, project: str, *, webhooks: int, deliveries: int, due_at: datetime) -> None:
    """Webhooks of a project, each with `deliveries` that are due."""
    for _ in range(webhooks):
        webhook_id = new_id()
        with transaction(engine) as session:
            session.add(
                Webhook(id=webhook_id, project=project, url="http://x/", events=[], secret="s", created_at=due_at)
            )
            session.flush()
            session.add_all(
                WebhookDelivery(
                    id=new_id(),
                    webhook_id=webhook_id,
                    event=WebhookEvent.PING,
                    body="{}",
                    state=DeliveryState.PENDING,
                    next_attempt_at=due_at,
                    created_at=due_at,
                )
                for _ in range(deliveries)
            )


def take(engine: Engine, settings: Settings, busy: dict[UUID, str], *, now: datetime) -> Taken | None:
    with transaction(engine) as session:
        taken = take_due(session, now=now, busy=busy, settings=settings)
    if taken is not None:
        busy[taken.webhook_id] = taken.project
    return taken


def test_receivers_that_hang_are_waited_for_by_their_own_project_alone(
    engine: Engine, settings: Settings, begun: datetime
) -> None:
    add_webhooks(engine, "hangs", webhooks=10, deliveries=3, due_at=begun)
    add_webhooks(engine, "answers", webhooks=1, deliveries=2, due_at=begun + timedelta(seconds=1))
    busy: dict[UUID, str] = {}
    for _ in range(settings.webhook_senders):
        taken = take(engine, settings, busy, now=begun)
        assert taken is not None
        assert taken.project == "hangs"
    busy.popitem()  # one has timed out
    for _ in range(2):
        taken = take(engine, settings, busy, now=begun + timedelta(seconds=5))
        assert taken is not None
        assert taken.project == "answers"
        del busy[taken.webhook_id]


def test_no_sender_is_kept_for_a_project_that_has_nothing_to_send(
    engine: Engine, settings: Settings, begun: datetime
) -> None:
    add_webhooks(engine, "one", webhooks=3, deliveries=2, due_at=begun)
    busy: dict[UUID, str] = {}
    assert [take(engine, settings, busy, now=begun) is not None for _ in range(4)] == [True, True, True, False]


def test_what_is_on_its_way_is_not_taken_for_a_clock_that_was_wrong(
    engine: Engine, make_settings: Callable[..., Settings], begun: datetime
) -> None:
    settings = make_settings(webhook_timeout_s=120, webhook_retry_longest_pause_s=1)
    add_webhooks(engine, "one", webhooks=1, deliveries=1, due_at=begun)
    assert take(engine, settings, {}, now=begun) is not None
    assert take(engine, settings, {}, now=begun) is None
