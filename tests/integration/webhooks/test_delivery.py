"""A batch's end reaches its project's webhooks: signed, once, and again where it must be."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, update

from neurobatch import verify_webhook
from shared.clock import utc_now
from shared.db import models
from shared.db.session import transaction
from shared.domain import ScanState
from shared.settings import Settings
from tests.integration.keys import make_key, with_key
from tests.integration.receivers import Receiver
from tests.integration.submissions import break_down, finish, submit, submit_many, upload
from tests.integration.test_api import assert_problem
from tests.integration.webhooks.actions import add, finish_batch, log_of
from tests.integration.webhooks.relays import Relays


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


def test_attempts_that_are_cut_off_count_towards_all_that_are_made(
    client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays
) -> None:
    webhook = add(client, receiver.url)
    finish_batch(client, engine)
    for _ in range(4):
        relays.make(webhook_attempts_limit=10, max_webhook_attempts=3)._take()  # and dies
        relays.ahead += timedelta(hours=1)
    (delivery,) = log_of(client, webhook)
    assert (delivery["state"], len(delivery["attempts"])) == ("failed", 3)


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


def test_another_projects_batch_is_not_told_of(
    client_with: Callable[..., FlaskClient], engine: Engine, receiver: Receiver, relays: Relays
) -> None:
    keyed = client_with(require_keys=True, webhook_private_targets=True)
    add(with_key(keyed, make_key(engine, "first")), receiver.url)
    finish_batch(with_key(keyed, make_key(engine, "second")), engine)
    assert not relays.make().turn()


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


def test_a_deleted_batch_that_had_ended_is_told_of_all_the_same(
    client: FlaskClient, engine: Engine, receiver: Receiver, relays: Relays
) -> None:
    add(client, receiver.url)
    batch = finish_batch(client, engine)
    client.delete(f"/v1/batches/{batch}")
    assert relays.make().turn()
    assert json.loads(receiver.received[0].body)["data"]["batch_id"] == batch


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
