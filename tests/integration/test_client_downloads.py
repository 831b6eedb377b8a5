"""What the client does where an answer breaks off, leads elsewhere or does not come."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from neurobatch.client import Client, RequestRefused
from neurobatch.retrying import Patience

PICTURE = b"a heatmap"
SCAN = {"id": "01", "filename": "a.png", "frame": 0, "state": "succeeded", "study_id": None}


@dataclass
class Faulty:
    """A service whose answers below /v1/scans and /v1/studies go wrong as told, the first `times` of each."""

    fault: str = ""
    times: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.partition("?")[0]
        self.asked[path] += 1
        if path.startswith("/v1/batches/"):
            body = json.dumps({"items": [SCAN], "next": None}).encode()
            return self._send(handler, body, len(body))
        if self.asked[path] > self.times:
            return self._send(handler, PICTURE, len(PICTURE))
        if self.fault == "breaks off":
            return self._send(handler, PICTURE[:3], len(PICTURE))
        if self.fault == "leads elsewhere":
            handler.send_response(302)
            handler.send_header("Location", "https://sign-in.example/")
            return handler.end_headers()
        return handler.connection.close()

    def _send(self, handler: BaseHTTPRequestHandler, body: bytes, declared: int) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(declared))
        handler.end_headers()
        handler.wfile.write(body)


@pytest.fixture
def service() -> Iterator[Faulty]:
    faulty = Faulty()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            faulty.answer(self)

        def log_message(self, *_: object) -> None:
            """Nothing to stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        faulty.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield faulty
        server.shutdown()
        thread.join()


@pytest.fixture
def client(service: Faulty) -> Iterator[Client]:
    with Client(service.url, key="", patience=Patience(retries=2, pause_s=0.01)) as client:
        yield client


def test_a_download_that_breaks_off_is_fetched_again(service: Faulty, client: Client, tmp_path: Path) -> None:
    service.fault, service.times = "breaks off", 2
    (path,) = client.download_heatmaps("b", tmp_path)
    assert path.read_bytes() == PICTURE
    assert list(tmp_path.iterdir()) == [path]


def test_where_an_answer_leads_elsewhere_nothing_is_kept_of_it(service: Faulty, client: Client, tmp_path: Path) -> None:
    service.fault, service.times = "leads elsewhere", 9
    with pytest.raises(RequestRefused, match=r"sign-in\.example"):
        client.download_heatmaps("b", tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RequestRefused):
        client.result_dicom("01")


def test_a_report_that_does_not_come_is_not_made_again_and_again(service: Faulty, client: Client) -> None:
    service.fault, service.times = "no answer", 9
    with pytest.raises(httpx.TransportError):
        client.study_report("01")
    with pytest.raises(httpx.TransportError):
        client.result_dicom("01")
    assert service.asked == {"/v1/studies/01/report.dcm": 1, "/v1/scans/01/result.dcm": 3}
