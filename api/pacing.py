"""gunicorn's threaded worker, with an end to waiting for slow clients.

Each request has a thread, and gunicorn waits without end for the bytes of one that has begun: as many clients as there
are threads, each sending a byte now and then, would stop the service (Slowloris). Here the time that is spent waiting
for a client is counted and has a bound, which grows with every byte that comes. Time that the service itself takes, to
write a file or to answer, does not count.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

_PIECE_BYTES = 32 * 1024  # of an answer, each of which has to be taken in time
# What the system holds of an answer counts as taken, and it would hold megabytes: minutes that nobody has read for.
_SEND_BUFFER_BYTES = 128 * 1024
# A client that is gone without a word must not be waited for as long as one that has sent gigabytes may be silent.
_KEEPALIVE = {socket.TCP_KEEPIDLE: 60, socket.TCP_KEEPINTVL: 15, socket.TCP_KEEPCNT: 4}


@dataclass
class _Allowance:
    """How long a client may keep us waiting in one direction: `pause_s`, and a second for each `bytes_per_s`."""

    pause_s: float
    bytes_per_s: float
    waited_s: float = 0.0
    moved_bytes: int = 0

    @contextmanager
    def waiting_for(self, client: socket.socket) -> Iterator[None]:
        """Bound what is done with the socket by what is left; TimeoutError where that is nothing."""
        left_s = self.pause_s + self.moved_bytes / self.bytes_per_s - self.waited_s
        if left_s <= 0:
            raise TimeoutError("the client is too slow")
        before = client.gettimeout()
        client.settimeout(left_s if before is None else min(before, left_s))
        started = time.monotonic()
        try:
            yield
        finally:
            self.waited_s += time.monotonic() - started
            client.settimeout(before)


class PacedSocket:
    """A client's socket that fails with TimeoutError once the client has kept us waiting for too long.

    It may do so for `pause_s`, and a second more for each `bytes_per_s` that it has sent; and for as long again while
    the answer is sent to it, with what it has taken.
    """

    def __init__(self, client: socket.socket, *, pause_s: float, bytes_per_s: float) -> None:
        self._client = client
        self._pause_s = pause_s
        self._bytes_per_s = bytes_per_s
        self.begin()

    def begin(self) -> None:
        """A new request: count anew."""
        self._receiving = _Allowance(self._pause_s, self._bytes_per_s)
        self._sending = _Allowance(self._pause_s, self._bytes_per_s)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """As `socket.recv`."""
        with self._receiving.waiting_for(self._client):
            data = self._client.recv(size, flags)
        self._receiving.moved_bytes += len(data)
        return data

    def sendall(self, data: bytes, flags: int = 0) -> None:
        """As `socket.sendall`."""
        for start in range(0, len(data), _PIECE_BYTES):
            piece = data[start : start + _PIECE_BYTES]
            with self._sending.waiting_for(self._client):
                self._client.sendall(piece, flags)
            self._sending.moved_bytes += len(piece)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def keep_asking(client: socket.socket) -> None:
    """Have the system find out within two minutes of silence that nobody is there any more."""
    if client.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE.items():
        client.setsockopt(socket.IPPROTO_TCP, option, value)


class _PacedWorker(ThreadWorker):  # type: ignore[misc]
    pause_s: float
    bytes_per_s: float

    def enqueue_req(self, conn: TConn) -> None:
        """Hand a connection that has something to say to a thread."""
        if not isinstance(conn.sock, PacedSocket):
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
            keep_asking(conn.sock)
            conn.sock = PacedSocket(conn.sock, pause_s=self.pause_s, bytes_per_s=self.bytes_per_s)
        conn.sock.begin()
        super().enqueue_req(conn)


def worker_class(*, pause_s: float, bytes_per_s: float) -> type[ThreadWorker]:
    """The worker with these bounds, for gunicorn's setting of that name."""
    return type("PacedWorker", (_PacedWorker,), {"pause_s": pause_s, "bytes_per_s": bytes_per_s})
