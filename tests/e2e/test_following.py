"""Twenty clients follow a batch while the API is killed under them: each misses nothing and is told nothing twice."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from neurobatch.phantoms import write_demo_scans
from tests.e2e.running import parts_of, running, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
_CLIENTS = 20


class Follower(threading.Thread):
    """Reads one batch's events as a browser's EventSource would, reconnecting after every break."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self.numbers: list[str] = []
        self.breaks = 0

    def run(self) -> None:
        last: dict[str, str] = {}
        while not (self.numbers and self.numbers[-1].endswith(".done")):
            try:
                with httpx.stream("GET", self._url, headers=last, timeout=30) as response:
                    for line in response.iter_lines():
                        if line.startswith("id: "):
                            self.numbers.append(line.removeprefix("id: "))
                            last = {"Last-Event-ID": self.numbers[-1]}
            except httpx.TransportError:
                self.breaks += 1
                time.sleep(0.2)


def test_followers_survive_the_death_of_the_api(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    write_demo_scans(folder)
    with running(tmp_path / "data", NEUROBATCH_CHUNK_SIZE="8") as service:
        batch = service.client.submit([folder, folder, folder])["id"]
        followers = [Follower(f"{service.url}/v1/batches/{batch}/events") for _ in range(_CLIENTS)]
        for follower in followers:
            follower.start()
        wait_until(lambda: all(len(follower.numbers) >= 1 for follower in followers))
        # Uploads go on while the streams are open.
        assert service.client.submit([folder / "phantom-00.jpg"])["total"] == 1
        for process in parts_of(tmp_path / "data")["api"]:
            os.kill(process, signal.SIGKILL)
        for follower in followers:
            follower.join(180)
    expected = [str(number) for number in range(1, 121)] + ["120.done"]
    assert [follower.numbers for follower in followers] == [expected] * _CLIENTS
    assert all(follower.breaks >= 1 for follower in followers)
