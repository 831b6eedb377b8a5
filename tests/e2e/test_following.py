"""Twenty clients follow a batch while the API is killed under them: each misses nothing and is told nothing twice."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from neurobatch.phantoms import write_demo_scans
from tests.e2e.running import parts_of, running, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
_CLIENTS = 20
_PAUSE_S = 0.2  # before a follower tries again


class Follower(threading.Thread):
    """Reads one batch's events as a browser's EventSource would, reconnecting after every break."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._stopping = threading.Event()
        self.numbers: list[str] = []
        self.breaks = 0

    def run(self) -> None:
        last: dict[str, str] = {}
        while not (self._stopping.is_set() or (self.numbers and self.numbers[-1].endswith(".done"))):
            try:
                with httpx.stream("GET", self._url, headers=last, timeout=30) as response:
                    if response.status_code != 200:
                        self._stopping.wait(_PAUSE_S)
                        continue
                    for line in response.iter_lines():
                        if line.startswith("id: "):
                            self.numbers.append(line.removeprefix("id: "))
                            last = {"Last-Event-ID": self.numbers[-1]}
            except httpx.TransportError:
                self.breaks += 1
                self._stopping.wait(_PAUSE_S)

    def stop(self) -> None:
        """Follow no more, whatever is still to come."""
        self._stopping.set()


@contextmanager
def following(url: str) -> Iterator[list[Follower]]:
    """Many that follow until the block ends, or until they were told of the batch's end."""
    followers = [Follower(url) for _ in range(_CLIENTS)]
    for follower in followers:
        follower.start()
    try:
        yield followers
    finally:
        for follower in followers:
            follower.stop()


def test_followers_survive_the_death_of_the_api(tmp_path: Path) -> None:
    folders = [tmp_path / "scans" / name for name in "abc"]
    for folder in folders:
        folder.mkdir(parents=True)
        write_demo_scans(folder)
    with running(tmp_path / "data", NEUROBATCH_CHUNK_SIZE="8") as service:
        batch = service.client.submit(folders)["id"]
        with following(f"{service.url}/v1/batches/{batch}/events") as followers:
            wait_until(lambda: all(len(follower.numbers) >= 1 for follower in followers))
            # Uploads go on while the streams are open.
            assert service.client.submit([folders[0] / "phantom-00.jpg"])["total"] == 1
            for process in parts_of(tmp_path / "data")["api"]:
                os.kill(process, signal.SIGKILL)
            wait_until(lambda: not any(follower.is_alive() for follower in followers), within_s=180)
    expected = [str(number) for number in range(1, 121)] + ["120.done"]
    assert [follower.numbers for follower in followers] == [expected] * _CLIENTS
    assert all(follower.breaks >= 1 for follower in followers)
