"""The API behind a real socket, and a way to it that breaks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from apiflask import APIFlask
from werkzeug.serving import make_server

_READ_BYTES = 64 * 1024


@contextmanager
def served(app: APIFlask) -> Iterator[str]:
    """Serve an application on a free port; its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class BrokenWay:
    """Passes connections on to a server; the first ones break off before or after the server has answered."""

    target_port: int
    breaks_after_bytes: list[int | None]
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def url(self) -> str:
        """Its own address."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def serve(self) -> None:
        """Take connections until closed; a break at None swallows the answer, one at a number the request's rest."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            breaks = self.breaks_after_bytes.pop(0) if self.breaks_after_bytes else ...
            threading.Thread(target=self._pass_on, args=(client, breaks), daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _pass_on(self, client: socket.socket, breaks: Any) -> None:
        with client, socket.create_connection(("127.0.0.1", self.target_port)) as server:
            answer = threading.Thread(target=_copy, args=(server, None if breaks is None else client))
            answer.start()
            _copy(client, server, limit=breaks if isinstance(breaks, int) else None, until=answer)
            if isinstance(breaks, int):
                server.shutdown(socket.SHUT_RDWR)
            answer.join()


def _copy(
    source: socket.socket,
    sink: socket.socket | None,
    *,
    limit: int | None = None,
    until: threading.Thread | None = None,
) -> None:
    source.settimeout(0.1)
    copied = 0
    while limit is None or copied < limit:
        try:
            data = source.recv(_READ_BYTES if limit is None else min(_READ_BYTES, limit - copied))
        except TimeoutError:
            if until is not None and not until.is_alive():
                return
            continue
        except OSError:
            return
        if not data:
            return
        copied += len(data)
        if sink is None:
            return
        sink.sendall(data)


@contextmanager
def broken_way(url: str, *breaks_after_bytes: int | None) -> Iterator[str]:
    """A way to the server at `url` whose first connections break; its address."""
    way = BrokenWay(int(url.rsplit(":", 1)[1]), list(breaks_after_bytes))
    thread = threading.Thread(target=way.serve)
    thread.start()
    try:
        yield way.url
    finally:
        way.close()
        thread.join()
