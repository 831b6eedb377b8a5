"""gunicorn's threaded worker, with an end to waiting for slow clients.

Each request has a thread, and gunicorn waits without end for the bytes of one that has begun: as many clients as there
are threads, each sending a byte now and then, would stop the service (Slowloris). Here the time that is spent waiting
for a client is counted and has a bound, which grows with every byte that comes. Time that the service itself takes, to
write a file or to answer, does not count.
"""

from __future__ import annotations

import socket
import time
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker


class PacedSocket:
    """A client's socket whose reads fail with TimeoutError once the client has kept us waiting for too long.

    It may do so for `pause_s`, and a second more for each `bytes_per_s` that it has sent; and for `pause_s` while one
    piece of the answer is sent to it.
    """

    def __init__(self, client: socket.socket, *, pause_s: float, bytes_per_s: float) -> None:
        self._client = client
        self._pause_s = pause_s
        self._bytes_per_s = bytes_per_s
        self.begin()

    def begin(self) -> None:
        """A new request: count anew."""
        self._waited_s = 0.0
        self._received_bytes = 0

    def recv(self, size: int, flags: int = 0) -> bytes:
        """As `socket.recv`."""
        left_s = self._pause_s + self._received_bytes / self._bytes_per_s - self._waited_s
        if left_s <= 0:
            raise TimeoutError("the client is too slow")
        before = self._client.gettimeout()
        self._client.settimeout(left_s if before is None else min(before, left_s))
        started = time.monotonic()
        try:
            data = self._client.recv(size, flags)
        finally:
            self._waited_s += time.monotonic() - started
            self._client.settimeout(before)
        self._received_bytes += len(data)
        return data

    def sendall(self, data: bytes, flags: int = 0) -> None:
        """As `socket.sendall`."""
        before = self._client.gettimeout()
        self._client.settimeout(self._pause_s if before is None else before)
        try:
            self._client.sendall(data, flags)
        finally:
            self._client.settimeout(before)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class _PacedWorker(ThreadWorker):  # type: ignore[misc]
    pause_s: float
    bytes_per_s: float

    def enqueue_req(self, conn: TConn) -> None:
        """Hand a connection that has something to say to a thread."""
        if not isinstance(conn.sock, PacedSocket):
            conn.sock = PacedSocket(conn.sock, pause_s=self.pause_s, bytes_per_s=self.bytes_per_s)
        conn.sock.begin()
        super().enqueue_req(conn)


def worker_class(*, pause_s: float, bytes_per_s: float) -> type[ThreadWorker]:
    """The worker with these bounds, for gunicorn's setting of that name."""
    return type("PacedWorker", (_PacedWorker,), {"pause_s": pause_s, "bytes_per_s": bytes_per_s})
