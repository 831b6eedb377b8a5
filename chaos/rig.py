"""The service under harm: broker, API, two workers and relay in processes of their own, over one data directory."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import redis
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from chaos.postgres import Postgres
from chaos.tokens import VARIABLE
from neurobatch.broker import broker_command
from neurobatch.client import Client
from neurobatch.processes import ProcessGroup, tool
from neurobatch.retrying import Patience
from neurobatch.service import ROOT, with_port
from shared import presence
from shared.db import queries
from shared.db.session import make_engine, reading
from shared.settings import Settings

WORKERS = ("worker-1", "worker-2")
# Everything waits less than in earnest, so that hundreds of faults fit into minutes.
_HASTE = {
    "NEUROBATCH_CHUNK_SIZE": "4",
    "NEUROBATCH_RELAY_INTERVAL_S": "0.2",
    "NEUROBATCH_RETRY_PAUSE_S": "0.3",
    "NEUROBATCH_RETRY_LONGEST_PAUSE_S": "2",
    "NEUROBATCH_LEASE_S": "20",
    "NEUROBATCH_ATTEMPTS_LIMIT": "12",
    "NEUROBATCH_SWEEP_INTERVAL_S": "1",
    "NEUROBATCH_REPUBLISH_AFTER_S": "2",
    "NEUROBATCH_TASK_SOFT_LIMIT_S": "4",
    "NEUROBATCH_TASK_HARD_LIMIT_S": "6",
}
ENDED_WITHIN_S = 120.0
_DISK = "256m"


@dataclass
class Rig:
    """One running service and the means to look at it and to harm it."""

    folder: Path
    settings: Settings
    engine: Engine
    group: ProcessGroup
    postgres: Postgres | None
    tending: threading.Lock

    @property
    def tokens(self) -> Path:
        """The folder of tokens and flags."""
        return self.folder / "tokens"

    def put_token(self, point: str) -> None:
        """Have the next process that reaches `point` be harmed."""
        (self.tokens / f"{point}@{uuid4().hex}").touch()

    def pending_tokens(self) -> int:
        """Tokens that nobody has taken yet."""
        return len(list(self.tokens.glob("*@*")))

    @contextmanager
    def flag(self, name: str, text: str = "") -> Iterator[None]:
        """Set a flag for a while."""
        (self.tokens / name).write_text(text)
        try:
            yield
        finally:
            (self.tokens / name).unlink()

    def process(self, part: str) -> subprocess.Popen[bytes]:
        """The process of a part."""
        (found,) = (p for p in self.group.parts if p.name == part)
        assert found.process is not None
        return found.process

    def kill(self, part: str) -> None:
        """SIGKILL; what tends the parts starts it again."""
        self.process(part).kill()

    @contextmanager
    def broker(self) -> Iterator[redis.Redis]:
        """A client of the broker."""
        client = presence.connect(self.settings)
        try:
            yield client
        finally:
            client.close()

    def submit(self, files: list[Path]) -> UUID:
        """Submit as a user does, again and again until the API has accepted."""
        url = f"http://{self.settings.host}:{self.settings.port}"
        with Client(url, patience=Patience(retries=60, pause_s=0.1)) as client:
            return UUID(client.submit(list(files), idempotency_key=uuid4().hex)["id"])

    def ended(self, batch_ids: list[UUID]) -> set[UUID]:
        """Batches whose scans have all come to an end; none while the database does not answer."""
        try:
            with reading(self.engine) as session:
                progress = queries.progress(session, batch_ids)
        except SQLAlchemyError:
            return set()
        return {batch_id for batch_id, found in progress.items() if not found.unfinished}


@contextmanager
def running_rig(folder: Path, *, database: str, network: str) -> Iterator[Rig]:
    """Start everything on `database` (sqlite or postgresql) with `network` (null or real), and stop it on leaving."""
    tokens = folder / "tokens"
    tokens.mkdir(parents=True)
    postgres = _postgres(folder) if database == "postgresql" else None
    settings = with_port(
        Settings(data_dir=folder / "data", port=0, database_url=postgres.url("chaos") if postgres else "")
    )
    own = {
        "NEUROBATCH_DATA_DIR": str(settings.data_dir),
        "NEUROBATCH_DATABASE_URL": settings.database_url,
        "NEUROBATCH_PORT": str(settings.port),
        "NEUROBATCH_CHAOS_NETWORK": network,
        # One each, so that harm is done to the process that is meant; two workers race for scans all the same.
        "NEUROBATCH_WORKER_PROCESSES": "1",
        VARIABLE: str(tokens),
        "PYTHONPATH": str(ROOT),
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NEUROBATCH_")} | _HASTE | own
    group = ProcessGroup(ROOT, environment, logs=folder / "logs")
    engine = make_engine(settings.sql_url)
    disk = _small_disk(settings.data_dir / "artifacts")
    stop = threading.Event()
    lock = threading.Lock()
    tending = threading.Thread(target=_tend, args=(group, lock, stop))
    try:
        subprocess.run([tool("alembic"), "upgrade", "head"], cwd=ROOT, env=environment, check=True, capture_output=True)
        group.start("broker", broker_command(settings))
        group.start("api", [tool("gunicorn"), "chaos.api_app:app"])
        for worker in WORKERS:
            group.start(worker, [tool("celery"), "-A", "chaos.worker_app", "worker", "-n", f"{worker}@%h"])
        group.start("relay", [sys.executable, "-m", "chaos.relay_app"])
        tending.start()
        rig = Rig(folder, settings_of(environment), engine, group, postgres, lock)
        _wait_until_ready(rig)
        yield rig
    finally:
        stop.set()
        if tending.is_alive():
            tending.join()
        group.stop()
        engine.dispose()
        if disk:
            subprocess.run([_found("umount"), settings.data_dir / "artifacts"], check=True)
        if postgres is not None:
            postgres.stop(signal.SIGQUIT)


def _small_disk(folder: Path) -> bool:
    """Mount a tmpfs, so that it can be filled up; whether that is allowed here."""
    folder.mkdir(parents=True)
    command = [_found("mount"), "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True).returncode == 0


def _found(name: str) -> str:
    return shutil.which(name) or name


def settings_of(environment: dict[str, str]) -> Settings:
    """The settings that the parts read from their environment."""
    prefix = "NEUROBATCH_"
    chosen = {k.removeprefix(prefix).lower(): v for k, v in environment.items() if k.startswith(prefix)}
    return Settings(**chosen)  # type: ignore[arg-type]


def _postgres(folder: Path) -> Postgres:
    # `nobody` must be able to reach it, where we are root.
    folder.chmod(0o755)
    postgres = Postgres(folder / "postgres")
    postgres.start()
    postgres.create_database("chaos")
    return postgres


def _tend(group: ProcessGroup, lock: threading.Lock, stop: threading.Event) -> None:
    while not stop.wait(0.05):
        with lock:
            group.tend()


def _wait_until_ready(rig: Rig) -> None:
    deadline = time.monotonic() + ENDED_WITHIN_S
    url = f"http://{rig.settings.host}:{rig.settings.port}/readyz"
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if httpx.get(url).json().get("workers") == len(WORKERS):
                return
        time.sleep(0.2)
    raise TimeoutError(f"the service does not start; see {rig.group.logs}")
