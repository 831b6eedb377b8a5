"""Feeds harmed files and bodies, and every bomb at its worst, to `neurobatch up` over HTTP, and watches its memory.

`make fuzz-service` (N=10000, SEED=...). Where `run.py` stays in one process, this has gunicorn, the broker, a worker
with the shipped network, and real sockets. It fails at an answer of 500 or more, at a good file beside harmed ones that
does not succeed as ever, at a scan that ends in another way than *succeeded* or *rejected*, and at a process of the
worker that ever held more than 1.2 GB.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
import httpx

from chaos.storm import processes_of
from tests.e2e.running import Running, running
from tests.fuzz.bombs import BOMBS
from tests.fuzz.mutators import mutate
from tests.fuzz.run import BOUNDARY, BUILD, CORPUS, FILES_PER_BODY, FuzzError

_GOOD_NAME = "good.png"
_BODIES_OF_FILES = 0.9
_MOST_RESIDENT_BYTES = 1_200_000_000
_OPEN_BATCHES = 20
_ENDED_WITHIN_S = 300.0
_FINAL = {"completed", "completed_with_errors", "failed"}


class ServiceFuzzer:
    """One running service, and what was found so far."""

    def __init__(self, service: Running, *, seed: int) -> None:
        self._http = httpx.Client(base_url=service.url, timeout=120)
        self._chance = random.Random(seed)
        self._seeds = {path.name: path.read_bytes() for path in sorted(CORPUS.iterdir())}
        self._forms = [name for name in self._seeds if name.endswith(".form")]
        self._files = {name: data for name, data in self._seeds.items() if name not in self._forms}
        self._good = self._seeds["grey.png"]
        self._open: dict[str, bool] = {}
        self._good_confidence: float | None = None
        self.inputs = 0
        self.outcomes: Counter[str] = Counter()

    def run(self, count: int) -> None:
        """Every bomb once, then at least `count` harmed inputs; returns when all that was accepted has ended."""
        for name, make in BOMBS.items():
            self._send_files([(name, make(large=True))])
            self._settle(0)
        while self.inputs < count:
            if self._chance.random() < _BODIES_OF_FILES:
                self._send_files([self._harmed_file() for _ in range(FILES_PER_BODY)])
            else:
                data = self._seeds[self._chance.choice(self._forms)]
                self._send(mutate(self._chance, data, list(self._seeds.values())), inputs=1, good=False)
            self._settle(_OPEN_BATCHES)
        self._settle(0)

    def _harmed_file(self) -> tuple[str, bytes]:
        name = self._chance.choice(list(self._files))
        return name, mutate(self._chance, self._files[name], list(self._files.values()))

    def _send_files(self, files: list[tuple[str, bytes]]) -> None:
        place = self._chance.randint(0, len(files))
        sent = [*files[:place], (_GOOD_NAME, self._good), *files[place:]]
        body = b"".join(
            b'--B\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\n%s\r\n' % (name.encode(), data)
            for name, data in sent
        )
        whole = not any(BOUNDARY.search(data) for _, data in sent)
        self._send(body + b"--B--\r\n", inputs=len(files), good=whole)

    def _send(self, body: bytes, *, inputs: int, good: bool) -> None:
        """Post a body; `good` says that it must be accepted and that its good file must succeed."""
        self.inputs += inputs
        while True:
            headers = {"Content-Type": "multipart/form-data; boundary=B"}
            answer = self._http.post("/v1/batches", content=body, headers=headers)
            if answer.status_code != 429:
                break
            time.sleep(float(answer.headers["Retry-After"]))
        document: dict[str, Any] = answer.json()
        if answer.status_code == 202:
            self._open[document["id"]] = good
            return
        self.outcomes[f"{answer.status_code} {document['code']}"] += inputs
        if answer.status_code >= 500 or good:
            BUILD.mkdir(parents=True, exist_ok=True)
            (BUILD / "found.form").write_bytes(body)
            raise FuzzError(f"the API answered {answer.status_code}: {document}")

    def _settle(self, most: int) -> None:
        """Wait until no more than so many batches are open; judge and remove those that have ended."""
        deadline = time.monotonic() + _ENDED_WITHIN_S
        while len(self._open) > most:
            for batch_id, good in list(self._open.items()):
                if self._http.get(f"/v1/batches/{batch_id}").json()["state"] in _FINAL:
                    self._judge(batch_id, good=good)
                    del self._open[batch_id]
            if time.monotonic() > deadline:
                raise FuzzError(f"these batches do not end: {list(self._open)}")
            time.sleep(0.1)

    def _judge(self, batch_id: str, *, good: bool) -> None:
        scans = list(self._scans(batch_id))
        for scan in scans:
            self.outcomes[f"scan {scan['state']} {scan['code'] or ''}".strip()] += 1
            if scan["state"] not in {"succeeded", "rejected"}:
                raise FuzzError(f"a scan was {scan['state']}: {scan}")
        if not good:
            return
        found = [scan["confidence"] for scan in scans if scan["filename"] == _GOOD_NAME]
        self._good_confidence = self._good_confidence or found[0]
        if len(found) != 1 or found[0] is None or abs(found[0] - self._good_confidence) > 1e-3:
            raise FuzzError(f"the good file beside harmed ones was lost or changed: {found}, {self._good_confidence}")
        if self._http.delete(f"/v1/batches/{batch_id}").status_code != 200:
            raise FuzzError("a batch could not be deleted")

    def _scans(self, batch_id: str) -> Iterator[dict[str, Any]]:
        cursor = ""
        while True:
            page = self._http.get(f"/v1/batches/{batch_id}/scans?limit=200{cursor}").json()
            yield from page["items"]
            if page["next"] is None:
                return
            cursor = f"&cursor={page['next']}"


@contextmanager
def watched_memory(parent: int) -> Iterator[dict[str, int]]:
    """The most that any process of each part has ever held, in bytes, looked at again and again."""
    peaks: dict[str, int] = {}
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.25):
            for part, processes in processes_of(parent).items():
                for process in processes:
                    peaks[part] = max(peaks.get(part, 0), peak_bytes(process))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peaks
    finally:
        done.set()
        thread.join()


def peak_bytes(process: int) -> int:
    """VmHWM of a process; 0 for one that is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


@click.command()
@click.option("--count", default=10_000, show_default=True, help="Harmed inputs to try.")
@click.option("--seed", type=int, help="The same seed harms in the same way; default: another each time.")
def main(count: int, seed: int | None) -> None:
    """Fuzz the running service; exit status 1 if anything unheard-of happens."""
    seed = random.SystemRandom().randrange(2**32) if seed is None else seed
    folder = Path(tempfile.mkdtemp(prefix="nb-fuzz-", dir="/tmp"))
    print(f"seed {seed}", flush=True)
    started = time.monotonic()
    try:
        with running(folder / "data") as service, watched_memory(service.process.pid) as peaks:
            fuzzer = ServiceFuzzer(service, seed=seed)
            try:
                fuzzer.run(count)
            finally:
                print(f"{fuzzer.inputs} inputs in {time.monotonic() - started:.0f} s")
                print("\n".join(f"{number:8} {outcome}" for outcome, number in fuzzer.outcomes.most_common()))
                print("most memory, MB: " + ", ".join(f"{part} {peak // 10**6}" for part, peak in peaks.items()))
        if any(peak > _MOST_RESIDENT_BYTES for part, peak in peaks.items() if part.startswith("worker")):
            sys.exit("a process of the worker held more than 1.2 GB")
    except FuzzError as error:
        sys.exit(f"{error}\nthe input, if one was refused, is in {BUILD}; the service's data in {folder}")
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
