"""What one worker process holds: its model, database and store, made once when the process starts."""

from __future__ import annotations

import importlib
import os
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import redis
import structlog
from celery.signals import worker_init, worker_process_init, worker_process_shutdown
from sqlalchemy import Engine

from shared import presence
from shared.artifacts import ArtifactStore, LocalArtifactStore
from shared.clock import Clock, utc_now
from shared.db.session import make_engine
from shared.decoder import Decoder
from shared.errors import InvalidBundle
from shared.liveness import WORKERS_FOLDER, hold
from shared.settings import Settings, load_settings, usable_cores
from worker.finisher import Finisher
from worker.inference.bundle import read_bundle

if TYPE_CHECKING:
    from worker.inference.pipeline import Pipeline

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Runtime:
    """Everything that processing a chunk needs."""

    worker: str
    model: str
    settings: Settings
    engine: Engine
    store: ArtifactStore
    pipeline: Pipeline
    clock: Clock = utc_now
    finisher: Finisher = field(default_factory=Finisher)


_current: Runtime | None = None


def current() -> Runtime:
    """This process's runtime; made on first use where the pool has no child processes."""
    global _current
    if _current is None:
        _current = open_runtime(load_settings())
    return _current


def open_runtime(settings: Settings) -> Runtime:
    """Load the model and warm it up; the first scan then waits for nothing."""
    # Imported here because importing takes seconds, and whoever only names this module needs none of it.
    from threadpoolctl import threadpool_limits

    from worker.inference.model import load_model
    from worker.inference.pipeline import Pipeline
    from worker.inference.precision import Precision

    # NumPy's products here are of small matrices; a second thread costs ten times what it saves beside the network's.
    threadpool_limits(1, user_api="blas")
    # The processes of one worker share the cores, and are more in number rather than each in threads (docs/adr/0020).
    threads = max(1, usable_cores() // settings.worker_children)
    model = load_model(settings.model_dir, precision=Precision(settings.network_precision), threads=threads)
    runtime = Runtime(
        worker=sign_of_life(settings.data_dir),
        model=model.name,
        settings=settings,
        engine=make_engine(settings.sql_url),
        store=LocalArtifactStore(settings.data_dir),
        pipeline=Pipeline(model, max_pixels=settings.max_pixels, reader=Decoder(settings)),
    )
    _log.info("model_loaded", model=model.name, worker=runtime.worker)
    return runtime


def sign_of_life(data_dir: Path) -> str:
    """Give this process a name that no other has, and let the kernel tell the relay when it dies."""
    token = uuid4().hex[:8]
    name = f"{socket.gethostname()}:{os.getpid()}:{token}"
    try:
        hold(data_dir / WORKERS_FOLDER / f"{token}.lock", owner=name)
    except OSError as error:
        # A full disk, say. The scans of this process then wait for their lease if it dies.
        _log.warning("sign_of_life_missing", error=type(error).__name__)
    return name


@worker_init.connect
def _import_network(**_: Any) -> None:
    """Import TensorFlow once, in the pool's parent: a child that died is then back in a second instead of ten.

    A worker whose bundle cannot be read ends here: started, it would take scans from those that can.
    """
    try:
        read_bundle(load_settings().model_dir)
    except InvalidBundle as error:
        raise SystemExit(str(error)) from error  # Celery goes on after any other error of a signal's receiver
    importlib.import_module("worker.inference.model")
    _log.info("network_imported")


@worker_process_init.connect
def _start(**_: Any) -> None:
    runtime = current()
    threading.Thread(target=_report, args=(runtime,), name="presence", daemon=True).start()


@worker_process_shutdown.connect
def _end(**_: Any) -> None:
    if _current is not None:
        _current.finisher.wait()


def _report(runtime: Runtime) -> None:
    """Tell the broker again and again that this worker lives, for `/readyz`."""
    client = presence.connect(runtime.settings)
    pause = threading.Event()
    while True:
        try:
            presence.announce(client, {"name": runtime.worker, "model": runtime.model})
        except redis.RedisError:
            _log.warning("presence_not_reported")
        pause.wait(presence.TTL_S / 3)
