"""A client may keep a thread waiting for so long, also while it takes an answer of many pieces."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from api.pacing import PacedSocket, keep_asking

PAUSE_S = 0.5
LINE = bytes(2_000)


@contextmanager
def reader(client: socket.socket, *, size: int, every_s: float) -> Iterator[None]:
    """Takes `size` bytes of what is sent, again and again."""
    done = threading.Event()

    def read() -> None:
        while not done.wait(every_s):
            client.recv(size)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        client.close()
        thread.join(5)


def send_lines(*, bytes_per_s: float, size: int, every_s: float, within_s: float) -> None:
    server, client = socket.socketpair()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    paced = PacedSocket(server, pause_s=PAUSE_S, bytes_per_s=bytes_per_s)
    end = time.monotonic() + within_s
    with closing(server), reader(client, size=size, every_s=every_s):
        while time.monotonic() < end:
            paced.sendall(LINE)


def test_an_answer_that_is_taken_drop_by_drop_ends() -> None:
    with pytest.raises(TimeoutError):
        send_lines(bytes_per_s=1_000_000, size=1_000, every_s=PAUSE_S / 5, within_s=30)


def test_an_answer_that_is_taken_at_the_least_pace_goes_on() -> None:
    send_lines(bytes_per_s=1_000, size=8_000, every_s=PAUSE_S / 5, within_s=4 * PAUSE_S)


def test_whether_a_silent_client_is_still_there_is_asked_within_two_minutes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_connection(listening.getsockname()):
        server, _ = listening.accept()
        with server:
            keep_asking(server)
            assert server.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            of_tcp = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            idle_s, every_s, times = (server.getsockopt(socket.IPPROTO_TCP, option) for option in of_tcp)
            assert idle_s + every_s * times <= 120
    ours, theirs = socket.socketpair()
    with ours, theirs:
        keep_asking(ours)  # which knows no such thing


def test_a_new_request_is_counted_anew() -> None:
    server, client = socket.socketpair()
    paced = PacedSocket(server, pause_s=0.1, bytes_per_s=1_000)
    with closing(server), closing(client):
        for _ in range(2):
            paced.begin()
            with pytest.raises(TimeoutError):
                paced.recv(1)
        with pytest.raises(TimeoutError, match="too slow"):
            paced.recv(1)
