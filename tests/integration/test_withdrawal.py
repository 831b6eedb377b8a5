"""A deletion leaves nothing in the broker, on both databases, and costs nobody else a message."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
import redis
from celery import Celery
from sqlalchemy import Engine, delete

from shared import messages, presence
from shared.broker import make_celery
from shared.clock import utc_now
from shared.db.models import Batch
from shared.db.session import transaction
from shared.dispatch import dispatch_pending
from shared.settings import Settings
from shared.withdrawal import withdraw
from tests.integration.brokers import everything_in
from tests.integration.test_delivery import add_batch, waiting_messages


@pytest.fixture
def celery(settings: Settings) -> Iterator[Celery]:
    celery = make_celery(settings)
    yield celery
    celery.close()


@pytest.fixture
def broker(settings: Settings) -> Iterator[redis.Redis]:
    broker = presence.connect(settings)
    yield broker
    broker.close()


def remove(engine: Engine, batch_id: UUID) -> None:
    with transaction(engine) as session:
        session.execute(delete(Batch).where(Batch.id == batch_id))


def test_messages_of_a_removed_batch_go_and_its_neighbours_go_out_again(
    engine: Engine, settings: Settings, celery: Celery, broker: redis.Redis
) -> None:
    gone_id, gone = add_batch(engine, 6)
    _, others = add_batch(engine, 6)
    dispatch_pending(engine, celery, clock=utc_now, chunk_size=4)
    assert set(map(str, gone + others)) <= everything_in(settings)
    remove(engine, gone_id)
    withdraw(broker, engine, gone)
    assert not set(map(str, gone)) & everything_in(settings)
    assert dispatch_pending(engine, celery, clock=utc_now, chunk_size=4) == 2
    waiting = [UUID(scan_id) for payload in waiting_messages(celery) for scan_id in payload["scan_ids"]]
    assert sorted(waiting) == others


def test_a_message_that_a_dead_worker_has_taken_goes_too(
    engine: Engine, settings: Settings, celery: Celery, broker: redis.Redis
) -> None:
    batch_id, ids = add_batch(engine, 2)
    dispatch_pending(engine, celery, clock=utc_now, chunk_size=4)
    with celery.connection() as connection:
        queue = connection.SimpleQueue(messages.SCANS_QUEUE)
        queue.get(block=False)
        assert broker.hlen("unacked") == 1
        remove(engine, batch_id)
        withdraw(broker, engine, ids)
        assert (broker.hlen("unacked"), broker.zcard("unacked_index")) == (0, 0)
        queue.close()
    assert everything_in(settings) == set()


def test_a_queue_of_many_pages_is_looked_through(
    engine: Engine, settings: Settings, celery: Celery, broker: redis.Redis
) -> None:
    batch_id, ids = add_batch(engine, 2)
    _, others = add_batch(engine, 700)
    dispatch_pending(engine, celery, clock=utc_now, chunk_size=1)
    remove(engine, batch_id)
    withdraw(broker, engine, ids)
    assert broker.llen(messages.SCANS_QUEUE) == len(others)
    assert not set(map(str, ids)) & everything_in(settings)


def test_a_broker_that_is_away_keeps_nobody_from_deleting(engine: Engine) -> None:
    _, ids = add_batch(engine, 1)
    nowhere = presence.connect(Settings(redis_url="redis+socket:///nowhere.sock?virtual_host=0"))
    withdraw(nowhere, engine, ids)
