"""Webhooks as they run: the relay's own process, the documented receiver, and a kill in between."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from shared.settings import Settings
from tests.e2e.running import clean_environment, command, free_port, wait_until
from tests.integration.receivers import Receiver
from tests.integration.webhooks.actions import add, finish_batch, log_of

ROOT = Path(__file__).resolve().parents[3]
# Each starts processes; what differs between the databases is tested by the kill here, and in test_delivery.py.
once = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def start_relay(settings: Settings) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts `neurobatch relay` on this test's database; each is stopped at the end as an operator would."""
    started: list[subprocess.Popen[bytes]] = []
    environment = clean_environment(
        {
            "NEUROBATCH_DATA_DIR": str(settings.data_dir),
            "NEUROBATCH_DATABASE_URL": settings.sql_url,
            "NEUROBATCH_REDIS_URL": settings.broker_url,
            "NEUROBATCH_WEBHOOK_PRIVATE_TARGETS": "1",
            "NEUROBATCH_WEBHOOK_TIMEOUT_S": "1.5",
            "NEUROBATCH_WEBHOOK_RETRY_PAUSE_S": "0.1",
            "NEUROBATCH_RELAY_INTERVAL_S": "0.05",
        }
    )

    def start() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([command("neurobatch"), "relay"], env=environment, cwd=ROOT))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0


@contextmanager
def documented_receiver(secret: str, *, port: int) -> Iterator[subprocess.Popen[str]]:
    """The receiver of docs/webhooks.md in a process of its own."""
    found = re.search(r"^```python\n(.*?)^```$", (ROOT / "docs" / "webhooks.md").read_text(), flags=re.M | re.S)
    assert found is not None
    process = subprocess.Popen(
        [sys.executable, "-c", found[1].replace("9000", str(port))],
        env={**os.environ, "WEBHOOK_SECRET": secret},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@once
def test_the_documented_receiver_gets_what_the_relay_sends(
    client: FlaskClient, engine: Engine, start_relay: Callable[[], subprocess.Popen[bytes]]
) -> None:
    port = free_port()
    webhook = add(client, f"http://127.0.0.1:{port}/")
    with documented_receiver(webhook["secret"], port=port) as process:
        batch = finish_batch(client, engine)
        start_relay()
        wait_until(lambda: log_of(client, webhook)[0]["state"] == "delivered", within_s=20)
        assert process.stdout is not None
        line = process.stdout.readline()
    (delivery,) = log_of(client, webhook)
    assert line.startswith(f"{delivery['id']} batch.completed ")
    assert batch in line


@once
def test_the_documented_receiver_refuses_another_secret(
    client: FlaskClient, engine: Engine, start_relay: Callable[[], subprocess.Popen[bytes]]
) -> None:
    port = free_port()
    webhook = add(client, f"http://127.0.0.1:{port}/")
    with documented_receiver("whsec_" + "A" * 43 + "=", port=port):
        finish_batch(client, engine)
        start_relay()
        wait_until(
            lambda: 401 in [attempt["status_code"] for attempt in log_of(client, webhook)[0]["attempts"]], within_s=20
        )


@once
def test_answered_500_twice_the_relay_delivers_three_times_under_one_id(
    client: FlaskClient,
    engine: Engine,
    receiver: Receiver,
    start_relay: Callable[[], subprocess.Popen[bytes]],
) -> None:
    webhook = add(client, receiver.url)
    receiver.statuses = [500, 500, 200]
    finish_batch(client, engine)
    start_relay()
    wait_until(lambda: log_of(client, webhook)[0]["state"] == "delivered", within_s=20)
    assert len(receiver.received) == 3
    assert len({received.headers["webhook-id"] for received in receiver.received}) == 1


def test_a_relay_that_is_killed_in_mid_delivery_is_followed_under_the_same_id(
    client: FlaskClient,
    engine: Engine,
    receiver: Receiver,
    start_relay: Callable[[], subprocess.Popen[bytes]],
) -> None:
    webhook = add(client, receiver.url)
    receiver.answers.clear()
    finish_batch(client, engine)
    killed = start_relay()
    wait_until(lambda: receiver.received, within_s=20)
    killed.kill()
    killed.wait()
    receiver.answers.set()
    start_relay()
    wait_until(lambda: log_of(client, webhook)[0]["state"] == "delivered", within_s=20)
    (delivery,) = log_of(client, webhook)
    assert [received.headers["webhook-id"] for received in receiver.received] == [delivery["id"]] * 2
    assert [attempt["error"] for attempt in delivery["attempts"]] == ["interrupted", None]
