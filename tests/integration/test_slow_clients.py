"""Clients that are slow, break off or frame their bodies badly, against the API as gunicorn serves it."""

from __future__ import annotations

import json
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.settings import Settings
from tests.integration.gunicorn_server import answer, connect, gunicorn_server
from tests.integration.submissions import png

THREADS = 6
LARGE_FILE = b"/static/swagger-ui/swagger-ui-bundle.js"  # more than the buffers of a connection take
BODY = b'--B\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n' + png() + b"\r\n--B--\r\n"
HEADERS = [b"Host: localhost", b"Connection: close", b"Content-Type: multipart/form-data; boundary=B", b""]
SUBMIT = b"\r\n".join([b"POST /v1/batches HTTP/1.1", *HEADERS])


@pytest.fixture(scope="module")
def settings_of_service(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Settings:
    folder = tmp_path_factory.mktemp("data")
    shutil.copy(migrated_sqlite, folder / "neurobatch.db")
    return Settings(
        data_dir=folder,
        database_url="",
        redis_url="redis+socket:///nowhere.sock?virtual_host=0",
        api_threads=THREADS,
        max_event_streams=1,
        max_uploads=3,
        max_client_pause_s=2,
        min_client_bytes_per_s=20_000,
    )


@pytest.fixture(scope="module")
def port(settings_of_service: Settings) -> Iterator[int]:
    with gunicorn_server(settings_of_service) as port:
        yield port


def declared(length: int) -> bytes:
    return SUBMIT + f"Content-Length: {length}\r\n\r\n".encode()


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def problem(said: bytes) -> dict[str, Any]:
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head, said
    found: dict[str, Any] = json.loads(body)
    return found


def test_clients_that_never_finish_their_headers_do_not_stop_the_service(port: int) -> None:
    with ExitStack() as opened:
        slow = [opened.enter_context(connect(port)) for _ in range(2 * THREADS)]
        for connection in slow:
            connection.sendall(b"POST /v1/batches HTTP/1.1\r\nX-")
        assert httpx.get(f"http://127.0.0.1:{port}/livez", timeout=60).status_code == 200
        assert all(answer(connection) == b"" for connection in slow)


def test_an_upload_that_stalls_is_told_and_leaves_nothing(port: int, settings_of_service: Settings) -> None:
    with connect(port) as connection:
        connection.sendall(declared(len(BODY)) + BODY[:200])
        found = problem(answer(connection))
    assert (found["status"], found["code"], found["limit"]) == (408, "client_too_slow", "max_client_pause_s")
    assert not list(settings_of_service.data_dir.glob("staging/*"))


def test_an_upload_that_drips_is_no_better_than_one_that_stalls(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(declared(10_000_000))
        connection.settimeout(0.05)
        said = b""
        while not said:
            try:
                connection.sendall(b"-")
                said = connection.recv(65_536)
            except TimeoutError:
                continue
        connection.settimeout(60)
        assert problem(said + answer(connection))["code"] == "client_too_slow"


def test_a_slow_line_that_keeps_its_pace_is_served(port: int) -> None:
    """For longer than the pause, and above the least pace."""
    body = BODY.replace(png(), bytes(150_000))
    with connect(port) as connection:
        connection.sendall(declared(len(body)))
        for at in range(0, len(body), 5_000):
            connection.sendall(body[at : at + 5_000])
            time.sleep(0.1)
        assert answer(connection).startswith(b"HTTP/1.1 202")


def test_more_uploads_than_may_be_received_at_once_are_told_to_come_back(port: int) -> None:
    with ExitStack() as opened:
        waiting = [opened.enter_context(connect(port)) for _ in range(3)]
        for connection in waiting:
            connection.sendall(declared(10_000_000) + BODY[:200])
        time.sleep(0.5)
        with connect(port) as connection:
            connection.sendall(declared(len(BODY)) + BODY)
            said = answer(connection)
        assert problem(said)["code"] == "too_many_uploads"
        assert b"Retry-After: " in said
        assert httpx.get(f"http://127.0.0.1:{port}/v1/batches", timeout=60).status_code == 200
        for connection in waiting:
            assert problem(answer(connection))["status"] == 408


def test_a_body_shorter_than_declared_is_refused(port: int, settings_of_service: Settings) -> None:
    with connect(port) as connection:
        connection.sendall(declared(len(BODY) + 1_000) + BODY[:-20])
        connection.shutdown(socket.SHUT_WR)
        assert problem(answer(connection))["code"] == "malformed_body"
    assert not list(settings_of_service.data_dir.glob("staging/*"))


def test_a_body_longer_than_declared_is_cut_where_it_was_said_to_end(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(declared(len(BODY)) + BODY + b"GET /v1/batches HTTP/1.1\r\nHost: localhost\r\n\r\n")
        said = answer(connection)
    assert said.startswith(b"HTTP/1.1 202")
    assert said.count(b"HTTP/1.1") == 1
    with connect(port) as connection:
        connection.sendall(declared(len(BODY) - 20) + BODY)
        assert problem(answer(connection))["code"] == "malformed_body"


def test_a_chunked_body_needs_no_length(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(SUBMIT + b"Transfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(BODY), 999):
            connection.sendall(chunk(BODY[at : at + 999]))
        connection.sendall(b"0\r\n\r\n")
        assert answer(connection).startswith(b"HTTP/1.1 202")


@pytest.mark.parametrize(
    "sent",
    [
        b"zz\r\n" + BODY,
        chunk(BODY)[:-2] + b"no line break",
        b"-5\r\n" + BODY,
        b"f" * 20_000,
        chunk(BODY) + b"0\r\nbad trailer\x00: \r\n\r\n",
        chunk(BODY[:-20]) + b"0\r\n\r\n",
    ],
)
def test_bad_chunks_are_refused(port: int, settings_of_service: Settings, sent: bytes) -> None:
    with connect(port) as connection:
        connection.sendall(SUBMIT + b"Transfer-Encoding: chunked\r\n\r\n" + sent)
        connection.shutdown(socket.SHUT_WR)
        assert problem(answer(connection))["code"] == "malformed_body"
    assert not list(settings_of_service.data_dir.glob("staging/*"))


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: -5\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked, gzip\r\n",
    ],
)
def test_two_ways_to_read_a_request_are_none(port: int, framing: bytes) -> None:
    with connect(port) as connection:
        connection.sendall(SUBMIT + framing + b"\r\n" + BODY)
        connection.shutdown(socket.SHUT_WR)
        status = answer(connection).split(b" ", 2)[1]
    assert status[:1] in (b"4", b"5")
    assert status != b"500"


def test_a_client_that_does_not_read_its_answer_is_let_go(port: int) -> None:
    for _ in range(2 * THREADS):
        with connect(port) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert httpx.get(f"http://127.0.0.1:{port}/livez", timeout=60).status_code == 200


def test_clients_that_do_not_read_a_file_of_the_page_are_let_go(port: int) -> None:
    with ExitStack() as opened:
        for _ in range(THREADS):
            opened.enter_context(asking_without_reading(port, LARGE_FILE))
        time.sleep(0.5)
        assert httpx.get(f"http://127.0.0.1:{port}/livez", timeout=30).status_code == 200


def asking_without_reading(port: int, path: bytes) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(
        socket.SOL_SOCKET, socket.SO_RCVBUF, 1024
    )  # before it is connected, to be heeded from the start
    connection.connect(("127.0.0.1", port))
    connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return connection
