"""A batch's end reaches its project's webhooks: signed, once, again where it must be, never into a private network."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select, update

from neurobatch import verify_webhook
from shared.clock import utc_now
from shared.db import models
from shared.db.session import reading, transaction
from shared.domain import ScanState
from shared.settings import Settings
from tests.integration.keys import make_key, with_key
from tests.integration.receivers import Receiver, receiving
from tests.integration.submissions import break_down, finish, submit, submit_many, upload
from tests.integration.test_api import assert_problem
from worker.deliverer import Deliverer
from worker.webhook_sender import Sender


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def client(client_with: Callable[..., FlaskClient]) -> FlaskClient:
    return client_with(webhook_private_targets=True)


class Relays:
    """The delivering side, on a clock that can be moved."""

    def __init__(self, engine: Engine, make_settings: Callable[..., Settings]) -> None:
        self.ahead = timedelta()
        self._engine = engine
        self._make_settings = make_settings

    def now(self) -> datetime:
        return utc_now() + self.ahead

    def make(self, *, sender: Sender | None = None, **changes: Any) -> Deliverer:
        settings = self._make_settings(**{"webhook_private_targets": True, "webhook_timeout_s": 2, **changes})
        return Deliverer(settings, self._engine, sender=sender, clock=self.now)


@pytest.fixture
def relays(engine: Engine, make_settings: Callable[..., Settings]) -> Relays:
    return Relays(engine, make_settings)


def add(client: FlaskClient, url: str, **more: Any) -> dict[str, Any]:
    answer = client.post("/v1/webhooks", json={"url": url, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.get_json()
    return made


def log_of(client: FlaskClient, webhook: dict[str, Any]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.get(f"/v1/webhooks/{webhook['id']}/deliveries").get_json()["items"]
    return items


def finish_batch(client: FlaskClient, engine: Engine, count: int = 2) -> str:
    """Submit a batch and bring it to its end; its id."""
    location, ids = submit_many(client, count)
    finish(engine, ids)
    return Path(location).name


def test_the_end_of_a_batch_is_delivered_once_signed_and_without_names(
    client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays
) -> None:
    webhook = add(client, receiver.url, description="ward")
    answer = submit(client, upload("secret.png"), upload("also-secret.png"), name="secret name")
    batch = answer.get_json()["id"]
    ids = [UUID(scan["id"]) for scan in client.get(f"/v1/batches/{batch}/scans").get_json()["items"]]
    finish(engine, ids[:1])
    deliverer = relays.make()
    assert not deliverer.turn(), "one scan is unfinished"
    finish(engine, ids[1:], ScanState.REJECTED)
    assert deliverer.turn()
    assert not deliverer.turn()
    (received,) = receiver.received
    payload = verify_webhook(webhook["secret"], received.headers, received.body)
    assert payload["type"] == "batch.completed"
    assert payload["data"] == {
        "batch_id": batch,
        "state": "completed_with_errors",
        "total": 2,
        "counts": {"queued": 0, "running": 0, "succeeded": 1, "rejected": 1, "failed": 0, "cancelled": 0},
    }
    assert received.path == "/hook?ward=3"
    assert received.headers["Content-Type"] == "application/json"
    assert b"secret" not in received.body
    (delivery,) = log_of(client, webhook)
    assert (delivery["id"], delivery["batch_id"]) == (received.headers["webhook-id"], batch)
    assert (delivery["state"], delivery["next_attempt_at"]) == ("delivered", None)
    (attempt,) = delivery["attempts"]
    assert (attempt["number"], attempt["status_code"], attempt["error"]) == (1, 200, None)


def test_answered_500_twice_it_comes_three_times_under_one_id(
    client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays
) -> None:
    webhook, deliverer = add(client, receiver.url), relays.make()
    receiver.statuses = [500, 500, 200]
    finish_batch(client, engine)
    for pause_s in (0, 2, 8):
        relays.ahead += timedelta(seconds=pause_s)
        assert deliverer.turn()
        assert not deliverer.turn(), "the next attempt is not due yet"
    relays.ahead += timedelta(days=1)
    assert not deliverer.turn()
    assert len(receiver.received) == 3
    assert len({received.headers["webhook-id"] for received in receiver.received}) == 1
    assert len({received.body for received in receiver.received}) == 1
    timestamps = [int(received.headers["webhook-timestamp"]) for received in receiver.received]
    assert timestamps == sorted(set(timestamps)), "each attempt is signed with its own time"
    for received, timestamp in zip(receiver.received, timestamps, strict=True):
        verify_webhook(webhook["secret"], received.headers, received.body, now=timestamp)
    (delivery,) = log_of(client, webhook)
    assert [attempt["status_code"] for attempt in delivery["attempts"]] == [500, 500, 200]
    assert delivery["state"] == "delivered"


@pytest.mark.parametrize("how", ["cancelled", "rejected on arrival", "given up", "retried"])
def test_whatever_ends_a_batch_is_told_once_with_its_state(
    client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays, how: str
) -> None:
    add(client, receiver.url)
    if how == "rejected on arrival":
        submit(client, upload("../a.png"), upload("../b.png"))
        expected = ["failed"]
    elif how == "cancelled":
        location, ids = submit_many(client, 2)
        finish(engine, ids[:1])
        for _ in range(2):
            client.post(f"{location}/cancel")
        expected = ["cancelled"]
    elif how == "given up":
        _, ids = submit_many(client, 1)
        for _ in range(Settings().attempts_limit):
            break_down(engine, ids)
        expected = ["failed"]
    else:
        location, ids = submit_many(client, 2)
        finish(engine, ids[:1])
        finish(engine, ids[1:], ScanState.FAILED)
        client.post(f"{location}/retry")
        finish(engine, ids[1:])
        expected = ["completed_with_errors", "completed"]
    deliverer = relays.make()
    while deliverer.turn():
        pass
    assert [json.loads(received.body)["data"]["state"] for received in receiver.received] == expected
    assert len({received.headers["webhook-id"] for received in receiver.received}) == len(expected)


def test_recorders_at_the_same_time_tell_the_end_once(client: FlaskClient, engine: Engine, receiver: Receiver) -> None:
    webhook = add(client, receiver.url)
    _, ids = submit_many(client, 8)
    start = threading.Barrier(8)

    def record(scan_id: UUID) -> None:
        start.wait()
        finish(engine, [scan_id])

    threads = [threading.Thread(target=record, args=(scan_id,)) for scan_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(log_of(client, webhook)) == 1


def test_a_sender_that_is_killed_in_mid_delivery_is_followed_under_the_same_id(
    client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays
) -> None:
    webhook = add(client, receiver.url)
    finish_batch(client, engine)
    killed = relays.make()
    assert killed._take() is not None, "it dies before it has sent, or after: the row says the same"
    following = relays.make()
    assert not following.turn(), "its sender may still live"
    relays.ahead += timedelta(seconds=5)
    assert following.turn()
    (delivery,) = log_of(client, webhook)
    assert [received.headers["webhook-id"] for received in receiver.received] == [delivery["id"]]
    assert [attempt["error"] for attempt in delivery["attempts"]] == ["interrupted", None]
    assert delivery["state"] == "delivered"


def test_what_a_late_sender_says_changes_nothing_any_more(
    client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays
) -> None:
    webhook = add(client, receiver.url)
    finish_batch(client, engine)
    late = relays.make()
    taken = late._take()
    assert taken is not None
    relays.ahead += timedelta(seconds=5)
    assert relays.make().turn()
    receiver.statuses = [500]
    late._deliver(taken)
    (delivery,) = log_of(client, webhook)
    assert delivery["state"] == "delivered"
    assert not relays.make().turn()


def test_after_the_last_attempt_it_is_failed_and_may_be_sent_again_by_hand(
    client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays
) -> None:
    webhook = add(client, receiver.url)
    receiver.statuses = [503, 503, 200]
    finish_batch(client, engine)
    deliverer = relays.make(webhook_attempts_limit=2)
    for _ in range(3):
        deliverer.turn()
        relays.ahead += timedelta(hours=1)
    (delivery,) = log_of(client, webhook)
    assert (delivery["state"], len(delivery["attempts"]), len(receiver.received)) == ("failed", 2, 2)
    again = client.post(f"/v1/webhooks/{webhook['id']}/deliveries/{delivery['id']}/resend")
    assert (again.status_code, again.get_json()["state"]) == (202, "pending")
    assert deliverer.turn()
    (delivery,) = log_of(client, webhook)
    assert (delivery["state"], len(delivery["attempts"])) == ("delivered", 3)
    assert len({received.headers["webhook-id"] for received in receiver.received}) == 1
    assert "webhook.resent" in [entry["action"] for entry in client.get("/v1/audit").get_json()["items"]]


def test_a_receiver_that_says_when_to_come_again_is_not_asked_before(
    client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays
) -> None:
    add(client, receiver.url)
    receiver.statuses, receiver.headers = [429, 200], {"Retry-After": "120"}
    finish_batch(client, engine)
    deliverer = relays.make()
    assert deliverer.turn()
    relays.ahead += timedelta(seconds=100)
    assert not deliverer.turn()
    relays.ahead += timedelta(seconds=30)
    assert deliverer.turn()


def test_gone_disables_the_webhook_and_ends_what_waits(
    client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays
) -> None:
    webhook, deliverer = add(client, receiver.url), relays.make()
    receiver.statuses = [410]
    finish_batch(client, engine)
    finish_batch(client, engine)
    assert deliverer.turn()
    assert client.get(f"/v1/webhooks/{webhook['id']}").get_json()["state"] == "disabled"
    finish_batch(client, engine)
    assert not deliverer.turn()
    log = log_of(client, webhook)
    assert [delivery["state"] for delivery in log] == ["failed", "failed"]
    assert log[1]["attempts"][0]["error"] == "gone"
    assert len(receiver.received) == 1
    assert_problem(client.post(f"/v1/webhooks/{webhook['id']}/test"), 409, "webhook_disabled")
    resend = client.post(f"/v1/webhooks/{webhook['id']}/deliveries/{log[0]['id']}/resend")
    assert_problem(resend, 409, "webhook_disabled")


def test_a_receiver_that_sends_a_byte_now_and_then_takes_its_time_and_no_more(
    client: FlaskClient, engine: Engine, relays: Relays
) -> None:
    def drip(server: socket.socket) -> None:
        with server.accept()[0] as connection, contextlib.suppress(OSError):
            for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000:
                connection.sendall(bytes([byte]))
                time.sleep(0.02)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        webhook = add(client, f"http://127.0.0.1:{server.getsockname()[1]}/")
        finish_batch(client, engine)
        assert relays.make(webhook_timeout_s=0.4).turn()
        thread.join()
    (attempt,) = log_of(client, webhook)[0]["attempts"]
    assert attempt["error"] == "timed_out"
    assert 400 <= attempt["duration_ms"] < 5000


def test_what_is_no_http_is_no_delivery(client: FlaskClient, engine: Engine, relays: Relays) -> None:
    def mumble(server: socket.socket) -> None:
        with server.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(b"mumble\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=mumble, args=(server,))
        thread.start()
        webhook = add(client, f"http://127.0.0.1:{server.getsockname()[1]}/")
        finish_batch(client, engine)
        assert relays.make().turn()
        thread.join()
    assert log_of(client, webhook)[0]["attempts"][0]["error"] == "protocol_error"


def test_a_plain_receiver_does_not_pass_for_an_encrypted_one(
    client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays
) -> None:
    webhook = add(client, receiver.url.replace("http:", "https:"))
    finish_batch(client, engine)
    assert relays.make().turn()
    assert log_of(client, webhook)[0]["attempts"][0]["error"] == "tls_failed"


def test_another_projects_batch_is_not_told_of(
    client_with: Callable[..., FlaskClient], engine: Engine, receiver: Receiver, relays: Relays
) -> None:
    keyed = client_with(require_keys=True, webhook_private_targets=True)
    add(with_key(keyed, make_key(engine, "first")), receiver.url)
    finish_batch(with_key(keyed, make_key(engine, "second")), engine)
    assert not relays.make().turn()


def test_redirects_are_not_followed(client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays) -> None:
    webhook = add(client, receiver.url)
    receiver.statuses, receiver.headers = [307], {"Location": receiver.url}
    finish_batch(client, engine)
    assert relays.make().turn()
    assert len(receiver.received) == 1
    assert log_of(client, webhook)[0]["attempts"][0]["error"] == "redirected"


def test_a_silent_receiver_takes_its_time_and_no_more(
    client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays
) -> None:
    webhook = add(client, receiver.url)
    receiver.answers.clear()
    finish_batch(client, engine)
    assert relays.make(webhook_timeout_s=0.3).turn()
    (attempt,) = log_of(client, webhook)[0]["attempts"]
    assert (attempt["error"], attempt["status_code"]) == ("timed_out", None)
    assert 300 <= attempt["duration_ms"] < 5000


@pytest.mark.parametrize("status", [200, 500])
def test_an_endless_answer_counts_by_its_status(
    client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays, status: int
) -> None:
    webhook = add(client, receiver.url)
    receiver.statuses, receiver.answer = [status], b"x" * 5_000_000
    finish_batch(client, engine)
    assert relays.make().turn()
    assert log_of(client, webhook)[0]["attempts"][0]["status_code"] == status


def test_endless_headers_are_no_answer(client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays) -> None:
    webhook = add(client, receiver.url)
    receiver.headers = {"X-Long": "x" * 70_000}
    finish_batch(client, engine)
    assert relays.make().turn()
    assert log_of(client, webhook)[0]["attempts"][0]["error"] == "answer_too_long"


def test_a_receiver_that_hangs_holds_up_no_other(client: FlaskClient, engine: Engine, relays: Relays) -> None:
    with receiving() as hanging, receiving() as well:
        hanging.answers.clear()
        add(client, hanging.url)
        webhook = add(client, well.url)
        for _ in range(3):
            finish_batch(client, engine, 1)
        deliverer = relays.make(webhook_senders=2, relay_interval_s=0.05, webhook_timeout_s=5)
        deliverer.start()
        try:
            for _ in range(200):
                if all(delivery["state"] == "delivered" for delivery in log_of(client, webhook)):
                    break
                threading.Event().wait(0.02)
            assert len(well.received) == 3
            assert len(hanging.received) == 1, "one at a time to each webhook"
        finally:
            hanging.answers.set()
            deliverer.stop()


def test_a_name_that_leads_elsewhere_later_is_refused_then(
    client_with: Callable[..., FlaskClient],
    engine: Engine,
    receiver: Receiver,
    relays: Relays,
    make_settings: Callable[..., Settings],
) -> None:
    """DNS rebinding: public when it is added, this machine when it is sent, and changing within one attempt."""
    client = client_with(webhook_private_targets=True)
    webhook = add(client, receiver.url.replace("127.0.0.1", "receiver.example"))
    finish_batch(client, engine)
    answers = iter([["127.0.0.1"], ["93.184.215.14", "127.0.0.1"]])
    settings = make_settings(webhook_timeout_s=2)
    deliverer = relays.make(sender=Sender(settings, resolver=lambda *_: next(answers)))
    for _ in range(2):
        assert deliverer.turn()
        relays.ahead += timedelta(hours=1)
    assert receiver.received == []
    (delivery,) = log_of(client, webhook)
    assert [attempt["error"] for attempt in delivery["attempts"]] == ["private_target", "private_target"]


def test_the_name_is_looked_up_once_and_stays_in_the_request(
    client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays, make_settings: Callable[..., Settings]
) -> None:
    add(client, receiver.url.replace("127.0.0.1", "receiver.example"))
    finish_batch(client, engine)
    asked: list[str] = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    settings = make_settings(webhook_private_targets=True, webhook_timeout_s=2)
    assert relays.make(sender=Sender(settings, resolver=resolver)).turn()
    assert asked == ["receiver.example"]
    assert receiver.received[0].headers["Host"].startswith("receiver.example:")


def test_a_proxy_of_the_environment_is_not_used(
    client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    add(client, receiver.url)
    finish_batch(client, engine)
    assert relays.make().turn()
    assert len(receiver.received) == 1


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
    assert_problem(client.post("/v1/webhooks", json={"url": url, "description": "x" * 2000}), 413, "limit_exceeded")


def test_a_project_has_only_so_many(client_with: Callable[..., FlaskClient]) -> None:
    client = client_with(webhook_private_targets=True, max_webhooks_per_project=1)
    add(client, "http://127.0.0.1/")
    problem = client.post("/v1/webhooks", json={"url": "http://127.0.0.1/"})
    assert_problem(problem, 413, "limit_exceeded")
    assert problem.get_json()["limit"] == "max_webhooks_per_project"


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


def test_a_delivery_that_is_being_sent_is_not_sent_again(
    client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays
) -> None:
    webhook = add(client, receiver.url)
    finish_batch(client, engine)
    path = f"/v1/webhooks/{webhook['id']}/deliveries/{log_of(client, webhook)[0]['id']}/resend"
    assert relays.make()._take() is not None
    assert_problem(client.post(path), 409, "delivery_in_progress")


def test_a_delivery_is_sent_only_so_often(
    client_with: Callable[..., FlaskClient], engine: Engine, receiver: Receiver, relays: Relays
) -> None:
    client = client_with(webhook_private_targets=True, max_webhook_attempts=1)
    webhook = add(client, receiver.url)
    finish_batch(client, engine)
    assert relays.make().turn()
    path = f"/v1/webhooks/{webhook['id']}/deliveries/{log_of(client, webhook)[0]['id']}/resend"
    assert_problem(client.post(path), 409, "too_many_attempts")


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


def test_a_deleted_batch_that_had_ended_is_told_of_all_the_same(
    client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays
) -> None:
    add(client, receiver.url)
    batch = finish_batch(client, engine)
    client.delete(f"/v1/batches/{batch}")
    assert relays.make().turn()
    assert json.loads(receiver.received[0].body)["data"]["batch_id"] == batch


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


def test_a_time_that_a_wrong_clock_has_set_is_not_waited_for(
    client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays
) -> None:
    add(client, receiver.url)
    finish_batch(client, engine)
    with transaction(engine) as session:
        session.execute(update(models.WebhookDelivery).values(next_attempt_at=utc_now() + timedelta(days=365)))
    assert relays.make().turn()


def test_a_sender_that_dies_at_each_attempt_is_not_followed_for_ever(
    client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays
) -> None:
    webhook = add(client, receiver.url)
    finish_batch(client, engine)
    for expected in (True, True, False):
        assert (relays.make(webhook_attempts_limit=2)._take() is not None) == expected
        relays.ahead += timedelta(seconds=5)
    assert log_of(client, webhook)[0]["state"] == "failed"
