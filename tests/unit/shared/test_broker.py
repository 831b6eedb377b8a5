"""What delivery rests on is what Celery is told (docs/adr/0002)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from shared.broker import make_celery
from shared.settings import Settings


@pytest.fixture
def celery(tmp_path: Path) -> Iterator[Celery]:
    settings = Settings(
        data_dir=tmp_path,
        redis_url="redis://broker:1/2",
        task_soft_limit_s=11,
        task_hard_limit_s=22,
        visibility_timeout_s=33,
        worker_processes=3,
    )
    with closing(make_celery(settings)) as celery:
        yield celery


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("broker_url", "redis://broker:1/2"),
        ("result_backend", None),
        ("task_ignore_result", True),
        ("task_acks_late", True),  # a message outlives its worker
        ("task_reject_on_worker_lost", False),  # and comes back by the row, not by the broker
        ("worker_prefetch_multiplier", 1),  # nothing waits behind a busy worker
        ("task_soft_time_limit", 11),
        ("task_time_limit", 22),
        ("task_publish_retry", False),
        ("broker_connection_max_retries", None),  # a worker waits for its broker for ever
        ("worker_concurrency", 3),
        ("accept_content", ["json"]),
    ],
)
def test_celery_is_told(celery: Celery, name: str, value: Any) -> None:
    assert celery.conf[name] == value


def test_a_message_that_nobody_acknowledges_comes_back(celery: Celery) -> None:
    assert celery.conf.broker_transport_options["visibility_timeout"] == 33


def test_who_publishes_is_not_held_up_by_a_broker_that_does_not_answer(celery: Celery) -> None:
    options = celery.conf.broker_transport_options
    assert options["socket_connect_timeout"] <= 2
    assert options["socket_timeout"] <= 2
    assert options["max_retries"] <= 1
