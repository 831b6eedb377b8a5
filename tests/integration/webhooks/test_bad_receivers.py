"""No receiver holds up another, leads into a private network, or is believed what it does not say."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from shared.settings import Settings
from tests.integration.receivers import Receiver, receiving
from tests.integration.webhooks.actions import add, finish_batch, log_of
from tests.integration.webhooks.relays import Relays
from worker.webhook_sender import Sender


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
            connection.sendall(b"mumble\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass  # closed with a request unread, the kernel would reset and take the answer back

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
