"""Webhooks are added, tried out, looked at and deleted; where they must not lead they are refused."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select

from neurobatch import verify_webhook
from shared.db import models
from shared.db.session import reading
from tests.e2e.running import wait_until
from tests.integration.receivers import Receiver
from tests.integration.test_api import assert_problem
from tests.integration.webhooks.actions import add, finish_batch, log_of
from tests.integration.webhooks.relays import Relays

REFUSED_URLS = (
    ("http://127.0.0.1:8000/", "private_target"),
    ("http://2130706433/", "private_target"),
    ("http://[::1]/", "private_target"),
    ("http://[::ffff:10.0.0.1]/", "private_target"),
    ("http://169.254.169.254/latest/meta-data", "private_target"),
    ("http://224.0.0.1/", "private_target"),
    ("ftp://8.8.8.8/", "invalid_url"),
    ("https://user:secret@8.8.8.8/", "invalid_url"),
    ("https://8.8.8.8/#part", "invalid_url"),
    ("https://8.8.8.8/a b", "invalid_url"),
    ("https:///nowhere", "invalid_url"),
    ("https://8.8.8.8:99999/", "invalid_url"),
    ("https://" + "a" * 2001, "field_too_long"),
)


def test_where_a_webhook_must_not_lead_it_is_not_added(client_with: Callable[..., FlaskClient]) -> None:
    client = client_with()
    for url, code in REFUSED_URLS:
        assert_problem(client.post("/v1/webhooks", json={"url": url}), 422, code)
    assert client.get("/v1/webhooks").get_json()["items"] == []


def test_a_public_address_is_taken(client_with: Callable[..., FlaskClient]) -> None:
    add(client_with(), "https://8.8.8.8/hook")


def test_what_is_no_webhook_is_refused(client_with: Callable[..., FlaskClient]) -> None:
    client = client_with(webhook_private_targets=True, max_json_bytes=1024)
    url = "http://127.0.0.1/"
    documents: list[Any] = [
        {},
        {"url": 3},
        {"url": url, "events": []},
        {"url": url, "events": ["nonsense"]},
        {"url": url, "more": 1},
        {"url": url, "description": "a\0b"},
        [],
    ]
    for document in documents:
        assert_problem(client.post("/v1/webhooks", json=document), 422, "invalid_request")
    too_long = client.post("/v1/webhooks", json={"url": url, "description": "x" * 201})
    assert_problem(too_long, 422, "field_too_long")
    large = {"url": url, "description": "x" * 2000}
    assert_problem(client.post("/v1/webhooks", json=large), 413, "limit_exceeded")
    chunked = client.post(
        "/v1/webhooks",
        input_stream=io.BytesIO(json.dumps(large).encode()),
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True},  # as gunicorn says of a body that tells no length
    )
    problem = assert_problem(chunked, 413, "limit_exceeded")
    assert (problem["limit"], problem["value"]) == ("max_json_bytes", 1024)


def test_a_project_has_only_so_many(client_with: Callable[..., FlaskClient]) -> None:
    client = client_with(webhook_private_targets=True, max_webhooks_per_project=1)
    add(client, "http://127.0.0.1/")
    problem = client.post("/v1/webhooks", json={"url": "http://127.0.0.1/"})
    assert_problem(problem, 413, "limit_exceeded")
    assert problem.get_json()["limit"] == "max_webhooks_per_project"


def test_those_who_ask_at_the_same_moment_get_no_more(client_with: Callable[..., FlaskClient]) -> None:
    client = client_with(webhook_private_targets=True, max_webhooks_per_project=2)
    start = threading.Barrier(6)

    def ask(_: int) -> int:
        start.wait()
        return client.application.test_client().post("/v1/webhooks", json={"url": "http://127.0.0.1/"}).status_code

    with ThreadPoolExecutor(6) as askers:
        assert sorted(askers.map(ask, range(6))) == [201, 201, 413, 413, 413, 413]


def test_the_secret_is_shown_once_and_told_nowhere_else(client: FlaskClient, receiver: Receiver) -> None:
    webhook = add(client, receiver.url)
    prefix, _, encoded = webhook["secret"].partition("_")
    assert (prefix, len(base64.b64decode(encoded))) == ("whsec", 32)
    for path in ("/v1/webhooks", f"/v1/webhooks/{webhook['id']}", f"/v1/webhooks/{webhook['id']}/deliveries"):
        assert webhook["secret"] not in client.get(path).text
    entries = client.get("/v1/audit")
    assert webhook["secret"] not in entries.text
    (entry,) = entries.get_json()["items"]
    assert (entry["action"], entry["subject"]) == ("webhook.created", webhook["id"])


def test_a_ping_is_sent_to_try_the_receiver_out(client: FlaskClient, receiver: Receiver, relays: Relays) -> None:
    webhook = add(client, receiver.url)
    ping = client.post(f"/v1/webhooks/{webhook['id']}/test")
    assert (ping.status_code, ping.get_json()["event"], ping.get_json()["batch_id"]) == (202, "ping", None)
    assert_problem(client.post(f"/v1/webhooks/{webhook['id']}/test"), 409, "delivery_in_progress")
    assert relays.make().turn()
    (received,) = receiver.received
    assert verify_webhook(webhook["secret"], received.headers, received.body)["type"] == "ping"


def test_a_webhook_that_is_deleted_takes_its_log_along(
    client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays
) -> None:
    webhook = add(client, receiver.url)
    finish_batch(client, engine)
    assert client.delete(f"/v1/webhooks/{webhook['id']}").get_json() == {"deliveries": 1}
    assert not relays.make().turn()
    assert_problem(client.get(f"/v1/webhooks/{webhook['id']}/deliveries"), 404, "not_found")
    with reading(engine) as session:
        for table in (models.Webhook, models.WebhookDelivery, models.WebhookAttempt):
            assert session.scalar(select(func.count()).select_from(table)) == 0


def test_the_log_is_paged_and_kept_for_a_time(
    client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays
) -> None:
    webhook, deliverer = add(client, receiver.url), relays.make()
    batches = [finish_batch(client, engine, 1) for _ in range(3)]
    for _ in range(2):
        assert deliverer.turn()
    path = f"/v1/webhooks/{webhook['id']}/deliveries?limit=2"
    first = client.get(path).get_json()
    second = client.get(f"{path}&cursor={first['next']}").get_json()
    assert [d["batch_id"] for d in first["items"] + second["items"]] == batches[::-1]
    assert second["next"] is None
    relays.ahead += timedelta(days=29)
    assert deliverer.remove_old() == 0
    relays.ahead += timedelta(days=2)
    assert deliverer.remove_old() == 2
    assert [d["state"] for d in log_of(client, webhook)] == ["pending"], "what is owed is not forgotten"


def test_a_deliverer_takes_old_deliveries_out_of_the_log_by_itself(
    client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays
) -> None:
    webhook = add(client, receiver.url)
    finish_batch(client, engine, 1)
    assert relays.make().turn()
    relays.ahead += timedelta(days=31)
    deliverer = relays.make()
    deliverer.start()
    try:
        wait_until(lambda: log_of(client, webhook) == [])
    finally:
        deliverer.stop()
