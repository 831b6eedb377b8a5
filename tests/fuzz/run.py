"""Feeds harmed files, archives and multipart bodies to the real application and the real decoder, and watches.

`make fuzz` (N=10000, SEED=...) runs it long, `test_fuzz.py` short. It fails at the first answer of 500 or more, at an
error that is not an InvalidScan, at a good file among harmed ones that is not read as ever, and if memory grows; the
inputs of that moment are then left in `build/fuzz`, to become a file of `regressions/`.
"""

from __future__ import annotations

import json
import random
import re
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import numpy as np
import structlog
from alembic import command
from alembic.config import Config
from flask.testing import FlaskClient

from api.app import create_app
from api.services import Services
from shared.artifacts import upload_key
from shared.db.models import Scan
from shared.db.session import make_engine, reading
from shared.errors import InvalidScan
from shared.settings import Settings
from tests.fuzz.mutators import mutate
from worker.inference.preprocess import prepare

_HERE = Path(__file__).parent
_ROOT = _HERE.parent.parent
CORPUS, REGRESSIONS, BUILD = _HERE / "corpus", _HERE / "regressions", _ROOT / "build" / "fuzz"
_GOOD_NAME = "good.png"
BOUNDARY = re.compile(rb"[\r\n]--B")  # werkzeug takes bare line breaks, too
FILES_PER_BODY = 8
_BODIES_OF_FILES = 0.8  # the other bodies are harmed as a whole
_SLOWEST_S = 180.0  # on a machine with much else to do
_MOST_GROWTH_BYTES = 256 * 1024 * 1024
_REJECTED = {
    *("empty_file", "not_an_image", "unsupported_format", "truncated_image", "image_too_small", "image_too_large"),
    *("image_too_narrow", "decode_limit", "no_brain_found", "not_a_brain_mri", "mosaic"),
}


class FuzzError(Exception):
    """What must not happen has happened."""


@dataclass
class Report:
    """How the inputs ended: at the API by status and code, and the accepted ones by what decoding them gave."""

    inputs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0

    def __str__(self) -> str:
        lines = [f"{self.inputs} inputs, slowest step {self.slowest_s:.1f} s"]
        return "\n".join([*lines, *(f"{count:8} {outcome}" for outcome, count in self.outcomes.most_common())])


class Fuzzer:
    """One application with its decoder, and the seeds that are harmed."""

    def __init__(self, client: FlaskClient, services: Services, *, seed: int) -> None:
        self._client, self._services = client, services
        self._chance = random.Random(seed)
        self._seeds = {path.name: path.read_bytes() for path in sorted(CORPUS.iterdir())}
        self._files = {name: data for name, data in self._seeds.items() if not name.endswith(".form")}
        self._good = self._seeds["grey.png"]
        self._good_pixels = services.decoder.read(self._good)
        self.report = Report()

    def run(self, count: int) -> None:
        """Try at least `count` harmed inputs."""
        before = resident_bytes()
        while self.report.inputs < count:
            if self._chance.random() < _BODIES_OF_FILES:
                files = [self._harmed_file() for _ in range(FILES_PER_BODY)]
                self._try_files(files)
                self.report.inputs += len(files)
            else:
                name = self._chance.choice([name for name in self._seeds if name.endswith(".form")])
                self._try_body(mutate(self._chance, self._seeds[name], list(self._seeds.values())))
                self.report.inputs += 1
            if resident_bytes() - before > _MOST_GROWTH_BYTES:
                raise FuzzError(f"memory grew from {before} to {resident_bytes()} bytes")

    def replay(self, path: Path) -> None:
        """Try one input from a file: a body if its name ends in .form."""
        self.report.inputs += 1
        if path.suffix == ".form":
            self._try_body(path.read_bytes())
        else:
            self._try_files([(path.name, path.read_bytes())])

    def _harmed_file(self) -> tuple[str, bytes]:
        name = self._chance.choice(list(self._files))
        return name, mutate(self._chance, self._files[name], list(self._files.values()))

    def _try_files(self, files: list[tuple[str, bytes]]) -> None:
        place = self._chance.randint(0, len(files))
        sent = [*files[:place], (_GOOD_NAME, self._good), *files[place:]]
        body = b"".join(
            b'--B\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\n%s\r\n' % (name.encode(), data)
            for name, data in sent
        )
        body += b"--B--\r\n"
        if any(BOUNDARY.search(data) for _, data in sent):
            self._try_body(body)
            return
        with _keeping(body):
            batch = self._submit(body)
            if batch is None:
                raise FuzzError("a body of harmed files was refused as a whole")
            outcomes = self._decode(batch)
            good = [outcome for name, outcome in outcomes if name == _GOOD_NAME]
            if len(good) != 1 or not np.array_equal(good[0], self._good_pixels):
                raise FuzzError("the good file beside harmed ones was lost or changed")

    def _try_body(self, body: bytes) -> None:
        with _keeping(body):
            batch = self._submit(body)
            if batch is not None:
                self._decode(batch)

    def _submit(self, body: bytes) -> dict[str, Any] | None:
        """The accepted batch; None for a body that was refused, with a reason."""
        response = self._timed(
            self._client.post, "/v1/batches", data=body, content_type="multipart/form-data; boundary=B"
        )
        document: dict[str, Any] = json.loads(response.data)
        if response.status_code == 202:
            return document
        self.report.outcomes[f"{response.status_code} {document.get('code')}"] += 1
        if response.status_code >= 500 or "code" not in document:
            raise FuzzError(f"the API answered {response.status_code}: {document}")
        return None

    def _decode(self, batch: dict[str, Any]) -> list[tuple[str, np.ndarray | str]]:
        """What becomes of a batch's scans, by name; the batch is removed."""
        path = f"/v1/batches/{batch['id']}"
        outcomes = [(scan["filename"], self._outcome(scan)) for scan in self._scans(path)]
        if len(outcomes) != batch["total"]:
            raise FuzzError(f"{len(outcomes)} scans of a batch of {batch['total']}")
        for _, outcome in outcomes:
            self.report.outcomes[f"scan rejected: {outcome}" if isinstance(outcome, str) else "scan read"] += 1
        if self._client.delete(path).status_code != 200:
            raise FuzzError("a batch could not be deleted")
        return outcomes

    def _scans(self, path: str) -> Iterator[dict[str, Any]]:
        cursor = ""
        while True:
            page = self._client.get(f"{path}/scans?limit=200{cursor}").get_json()
            yield from page["items"]
            if page["next"] is None:
                return
            cursor = f"&cursor={page['next']}"

    def _outcome(self, scan: dict[str, Any]) -> np.ndarray | str:
        if scan["state"] == "rejected":
            return str(scan["code"])
        upload = self._upload_of(scan)
        try:
            image: np.ndarray = self._timed(self._services.decoder.read, upload, frame=scan["frame"])
            prepare(image, size_px=64)
        except InvalidScan as error:
            if error.code not in _REJECTED or not error.message.isprintable():
                raise FuzzError(f"{error.code}: {error.message!r}") from error
            return error.code
        return image

    def _upload_of(self, scan: dict[str, Any]) -> Path:
        """Where a scan's upload lies; by its row, since the API does not tell."""
        with reading(self._services.engine) as session:
            row = session.get(Scan, UUID(scan["id"]))
        assert row is not None
        assert row.upload_key is not None
        assert row.upload_key.startswith(upload_key(row.batch_id, ""))
        return self._services.store.path(row.upload_key)

    def _timed(self, act: Any, *arguments: Any, **options: Any) -> Any:
        started = time.monotonic()
        try:
            return act(*arguments, **options)
        finally:
            took_s = time.monotonic() - started
            self.report.slowest_s = max(self.report.slowest_s, took_s)
            if took_s > _SLOWEST_S:
                raise FuzzError(f"one step took {took_s:.0f} s")


@contextmanager
def fuzzer(folder: Path, *, seed: int) -> Iterator[Fuzzer]:
    """A fuzzer over a fresh application in `folder`: SQLite, no broker."""
    settings = Settings(data_dir=folder, database_url="", redis_url="redis+socket:///nowhere.sock?virtual_host=0")
    engine = make_engine(settings.sql_url)
    with engine.begin() as connection:
        config = Config(str(_ROOT / "alembic.ini"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()
    app = create_app(settings)
    services: Services = app.extensions[Services.EXTENSION]
    try:
        yield Fuzzer(app.test_client(), services, seed=seed)
    finally:
        services.close()


def resident_bytes() -> int:
    """Memory that this process holds now; on systems without /proc the most that it ever held."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextmanager
def _keeping(body: bytes) -> Iterator[None]:
    """Leave the input behind if it does what must not happen."""
    try:
        yield
    except Exception:
        BUILD.mkdir(parents=True, exist_ok=True)
        (BUILD / "found.form").write_bytes(body)
        raise


@click.command()
@click.option("--count", default=10_000, show_default=True, help="Harmed inputs to try.")
@click.option("--seed", type=int, help="The same seed harms in the same way; default: another each time.")
def main(count: int, seed: int | None) -> None:
    """Fuzz upload and decoding; exit status 1, and the input in build/fuzz, if anything unheard-of happens."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    seed = random.SystemRandom().randrange(2**32) if seed is None else seed
    folder = Path(tempfile.mkdtemp(prefix="neurobatch-fuzz-"))
    print(f"seed {seed}", flush=True)
    try:
        with fuzzer(folder, seed=seed) as running:
            for regression in sorted(REGRESSIONS.glob("*.*")):
                running.replay(regression)
            try:
                running.run(count)
            finally:
                print(running.report)
                children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
                own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
                print(f"most memory: {own} MiB here, {children} MiB in a decoding process that ended")
    except FuzzError as error:
        sys.exit(f"{error}\nthe input is in {BUILD}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
