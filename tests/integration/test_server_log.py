"""What gunicorn logs by itself, of bytes that never came to the application."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.settings import Settings
from tests.integration.gunicorn_server import answer, connect, gunicorn_server


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(data_dir=tmp_path_factory.mktemp("log"), database_url="", redis_url="redis://127.0.0.1:1/0")


def test_what_is_no_request_is_not_repeated_in_the_log(settings: Settings, tmp_path: Path) -> None:
    """And the line is not told as of the request that the thread answered before."""
    said = [
        "GET /v1/scans?filename=Müller-Anna HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /v1/scans?filename=Jane Doe HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: x\r\nAuthorization nb_secret\r\n\r\n",
    ]
    log = tmp_path / "log"
    with log.open("w") as written, gunicorn_server(settings, log=written) as port:
        for request in said:
            with connect(port) as connection:
                connection.sendall(request.encode())
                assert answer(connection).startswith(b"HTTP/1.1 400")
    text = log.read_text()
    refused = [line for line in map(json.loads, text.splitlines()) if "Invalid request" in line["event"]]
    assert [line["event"] for line in refused] == ["Invalid request from ip=127.0.0.1"] * len(said)
    assert not any("request_id" in line for line in refused)
    assert not any(secret in text for secret in ("ller-Anna", "Doe", "nb_secret"))
