"""The loop that publishes what the API could not, and gives back the scans of workers that died.

It runs beside the workers as a process of its own (`neurobatch relay`) and needs neither TensorFlow nor
OpenCV.
"""

from __future__ import annotations

import signal
import threading

import structlog
from celery import Celery
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from shared.artifacts import LocalArtifactStore
from shared.broker import make_celery
from shared.clock import Clock, utc_now
from shared.db import queries
from shared.db.session import make_engine, transaction
from shared.dispatch import dispatch_quietly
from shared.settings import Settings
from worker.retention import remove_expired

_log = structlog.get_logger(__name__)
_RELEASE_AT_ONCE = 1_000


def run_relay(settings: Settings) -> None:
    """Turn until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    engine, celery = make_engine(settings.sql_url), make_celery(settings)
    store = LocalArtifactStore(settings.data_dir)
    _log.info("relay_started", interval_s=settings.relay_interval_s)
    while not stop.is_set():
        try:
            turn(engine, celery, clock=utc_now, chunk_size=settings.chunk_size)
            remove_expired(engine, store, clock=utc_now, retention_days=settings.retention_days)
        except SQLAlchemyError as error:
            _log.error("database_unavailable", error=type(error).__name__)
        stop.wait(settings.relay_interval_s)


def turn(engine: Engine, celery: Celery, *, clock: Clock, chunk_size: int) -> None:
    """One look: expired leases first, so that what they held goes out at once."""
    with transaction(engine) as session:
        released = queries.release_expired(session, now=clock(), limit=_RELEASE_AT_ONCE)
    if released:
        _log.warning("leases_expired", count=len(released))
    dispatch_quietly(engine, celery, clock=clock, chunk_size=chunk_size)
