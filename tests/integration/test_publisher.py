"""Scans are published as they are stored, and left to the relay while the broker is out of reach."""

from __future__ import annotations

from contextlib import closing

from sqlalchemy import Engine
from structlog.testing import capture_logs

from api.publisher import Publisher
from shared.broker import make_celery
from shared.clock import utc_now
from shared.settings import Settings
from tests.integration.test_delivery import add_batch, waiting_messages


def test_a_broker_out_of_reach_is_left_alone_for_a_while_and_tried_again(settings: Settings, engine: Engine) -> None:
    add_batch(engine, 3)
    nowhere = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    now_s = [100.0]
    with closing(make_celery(nowhere)) as celery, capture_logs() as logs:
        publisher = Publisher(engine, celery, clock=utc_now, chunk_size=8, monotonic_s=lambda: now_s[0])
        for _ in range(3):
            publisher.publish()
        assert [line["event"] for line in logs] == ["broker_unreachable"]
        now_s[0] += 6
        publisher.publish()
    assert [line["event"] for line in logs] == ["broker_unreachable"] * 2


def test_what_waits_is_published_at_once(settings: Settings, engine: Engine) -> None:
    with closing(make_celery(settings)) as celery:
        publisher = Publisher(engine, celery, clock=utc_now, chunk_size=8)
        for _ in range(2):
            add_batch(engine, 1)
            publisher.publish()
        assert len(waiting_messages(celery)) == 2
