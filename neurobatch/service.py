"""The whole service on one machine: broker, migrations, API, worker and relay.

With NEUROBATCH_REDIS_URL set no broker is started, and with NEUROBATCH_DATABASE_URL set no SQLite file is
made: exactly those are used.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from api.startup import reason_not_to_listen
from neurobatch.broker import broker_command
from neurobatch.client import Client
from neurobatch.key_variable import KEY_VARIABLE
from neurobatch.processes import ProcessGroup, tool
from shared import presence
from shared.allocation import KEEP_FREED_MEMORY
from shared.settings import Settings
from worker.inference.bundle import read_bundle

ROOT = Path(__file__).resolve().parent.parent
_READY_WITHIN_S = 60.0
_BROKER_WITHIN_S = 20.0
_LINK_TO_HELP = "(Background on this error at"  # how SQLAlchemy's errors end


class ServiceError(Exception):
    """The service could not be started; the message says why and where to look."""


class Service:
    """A running service; make one with `running_service`."""

    def __init__(self, settings: Settings, group: ProcessGroup) -> None:
        self.settings = settings
        self.group = group
        self.url = settings.local_url

    def wait_until_ready(self) -> None:
        """Return once the API accepts batches; ServiceError if it does not get there."""
        with Client(self.url) as client:
            deadline = time.monotonic() + _READY_WITHIN_S
            while not client.is_ready():
                self.group.tend()
                if self.group.is_failing("api") or time.monotonic() > deadline:
                    raise ServiceError(f"The API does not start; see {self.group.logs / 'api.log'}.")
                time.sleep(0.05)


@contextmanager
def running_service(settings: Settings) -> Iterator[Service]:
    """Start everything, and stop it on leaving; ServiceError or InvalidBundle where it cannot serve."""
    read_bundle(settings.model_dir)
    settings = with_port(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with _only_one(settings.data_dir):
        group = ProcessGroup(ROOT, _environment(settings), logs=settings.data_dir / "logs")
        try:
            if not settings.redis_url:
                group.start("broker", broker_command(settings))
            if (reason := reason_not_to_listen(settings, [settings.host])) is not None:
                raise ServiceError(reason)
            # It imports while the migrations run, and is not ready before they have.
            group.start("api", [tool("gunicorn"), "api.wsgi:app"])
            _migrate(group.environment)
            _wait_for_broker(settings, group)
            group.start("worker", [tool("celery"), "-A", "worker.app", "worker"])
            group.start("relay", [tool("neurobatch"), "relay"])
            yield Service(settings, group)
        finally:
            group.stop()


def with_port(settings: Settings) -> Settings:
    """The same settings with a free port where port 0 was asked for; ServiceError if the port is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise ServiceError(
                f"Port {settings.port} on {settings.host} cannot be used ({error.strerror});"
                " choose another with --port or NEUROBATCH_PORT."
            ) from error
        return settings.model_copy(update={"port": probe.getsockname()[1]})


def _environment(settings: Settings) -> dict[str, str]:
    own = {
        "NEUROBATCH_DATA_DIR": str(settings.data_dir),
        "NEUROBATCH_DATABASE_URL": settings.database_url,
        "NEUROBATCH_REDIS_URL": settings.redis_url,
        "NEUROBATCH_HOST": settings.host,
        "NEUROBATCH_PORT": str(settings.port),
        "NEUROBATCH_REQUIRE_KEYS": str(settings.require_keys),
        "NEUROBATCH_MODEL_DIR": str(settings.model_dir),
    }
    # TensorFlow's own chatter about the processor would drown the worker's log.
    # What the user calls the service with is none of its parts' business.
    inherited = {name: value for name, value in os.environ.items() if name != KEY_VARIABLE}
    return {"TF_CPP_MIN_LOG_LEVEL": "2", **KEEP_FREED_MEMORY, **inherited, **own}


def _migrate(environment: object) -> None:
    assert isinstance(environment, dict)
    done = subprocess.run(
        [tool("alembic"), "upgrade", "head"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # alembic tells some of its errors on stdout
        text=True,
    )
    if done.returncode:
        told = [line for line in done.stdout.splitlines() if line.strip() and not line.startswith(_LINK_TO_HELP)]
        reason = told[-1] if told else "no reason given"
        raise ServiceError(f"The database cannot be migrated: {reason}")


def _wait_for_broker(settings: Settings, group: ProcessGroup) -> None:
    client = presence.connect(settings)
    deadline = time.monotonic() + _BROKER_WITHIN_S
    while True:
        try:
            client.ping()
            return
        except redis.RedisError as error:
            if settings.redis_url:
                return  # somebody else's broker: worker and relay wait for it themselves
            if time.monotonic() > deadline:
                raise ServiceError(f"The broker does not start; see {group.logs / 'broker.log'}.") from error
            group.tend()
            time.sleep(0.05)


@contextmanager
def _only_one(data_dir: Path) -> Iterator[None]:
    """Hold the data directory: two services on one would start two brokers over one file."""
    with open(data_dir / "service.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ServiceError(f"Another service already runs on {data_dir}.") from error
        yield
