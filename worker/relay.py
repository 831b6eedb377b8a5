"""The loop that publishes what the API could not, and gives back the scans of workers that died; webhooks beside it.

It runs beside the workers as a process of its own (`neurobatch relay`) and needs neither TensorFlow nor
OpenCV. Several may run; one works, and another takes over when it falls silent (docs/adr/0011).
"""

from __future__ import annotations

import math
import os
import signal
import socket
import threading
import time
from uuid import uuid4

import structlog
from celery import Celery
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from shared import presence
from shared.artifacts import LocalArtifactStore
from shared.broker import make_celery
from shared.clock import Clock, utc_now
from shared.db import sweeps
from shared.db.session import make_engine, transaction
from shared.dispatch import dispatch_quietly
from shared.liveness import hold, owner_if_dead
from shared.settings import Settings
from worker.deliverer import Deliverer
from worker.reconciler import Reconciler
from worker.retention import remove_ended_sessions, remove_expired

_log = structlog.get_logger(__name__)
_RELAYS_FOLDER = "relays"
_SWEEP_GRACE_S = 5.0


def run_relay(settings: Settings) -> None:
    """Turn until SIGTERM or SIGINT; RuntimeError where the deliverer died, so that the process is started again."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    engine = make_engine(settings.sql_url)
    relay = Relay(settings, engine, make_celery(settings))
    deliverer = Deliverer(settings, engine)
    deliverer.start()
    _log.info("relay_started", interval_s=settings.relay_interval_s)
    while not stop.is_set() and deliverer.is_alive():
        relay.turn()
        stop.wait(settings.relay_interval_s)
    died = not deliverer.is_alive()
    deliverer.stop()
    relay.leave()
    if died:
        raise RuntimeError("the deliverer of webhooks died")


class Relay:
    """One relay; works only while it holds the lease."""

    def __init__(self, settings: Settings, engine: Engine, celery: Celery, *, clock: Clock = utc_now) -> None:
        self._settings = settings
        self._engine = engine
        self._celery = celery
        self._clock = clock
        self._store = LocalArtifactStore(settings.data_dir)
        self._broker = presence.connect(settings)
        self._name = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        self._sign = hold(settings.data_dir / _RELAYS_FOLDER / f"{self._name}.lock", owner=self._name)
        self._reconciler = Reconciler(settings, engine, clock=clock)
        self._swept_at = -math.inf
        self._sweeping: threading.Thread | None = None

    def turn(self) -> bool:
        """One look, if it is this relay's; lost claims first, so that what they held goes out at once."""
        try:
            if not self._holds_lease():
                return False
            self._reconcile()
            dispatch_quietly(self._engine, self._celery, clock=self._clock, chunk_size=self._settings.chunk_size)
            retention_days = self._settings.retention_days
            remove_expired(self._engine, self._store, self._broker, clock=self._clock, retention_days=retention_days)
            remove_ended_sessions(self._engine, clock=self._clock)
        except SQLAlchemyError as error:
            _log.error("database_unavailable", error=type(error).__name__)
            return False
        return True

    def _holds_lease(self) -> bool:
        now = self._clock()
        with transaction(self._engine) as session:
            if sweeps.take_lease(session, holder=self._name, now=now, lease_s=self._settings.relay_lease_s):
                return True
            for lock in self._sign.path.parent.glob("*.lock"):
                if lock == self._sign.path:
                    continue  # a process gets its own lock, and gives it up by closing the file
                if (dead := owner_if_dead(lock)) is not None:
                    # Its lease is of no use to anybody; the next turn may be this relay's.
                    sweeps.leave_lease(session, holder=dead, now=now)
                    lock.unlink(missing_ok=True)
        return False

    def _reconcile(self) -> None:
        try:
            self._reconciler.release_lost()
        except OSError as error:
            # Publishing goes on even where the data directory cannot be looked through.
            _log.error("sweep_failed", error=type(error).__name__)
        under_way = self._sweeping is not None and self._sweeping.is_alive()
        if not under_way and time.monotonic() - self._swept_at >= self._settings.sweep_interval_s:
            self._sweeping = threading.Thread(target=self._sweep, name="sweep", daemon=True)
            self._sweeping.start()

    def _sweep(self) -> None:
        """Beside the turns: with a hundred thousand batches it takes minutes, and what is due must not wait for it."""
        try:
            self._reconciler.sweep()
        except SQLAlchemyError as error:
            _log.error("database_unavailable", error=type(error).__name__)
        except OSError as error:
            _log.error("sweep_failed", error=type(error).__name__)
        except Exception:  # noqa: BLE001  (in a thread of its own nobody else would tell of it)
            _log.exception("sweep_failed")
        finally:
            self._swept_at = time.monotonic()

    def leave(self) -> None:
        """Let another relay take over at once, and close every connection."""
        try:
            with transaction(self._engine) as session:
                sweeps.leave_lease(session, holder=self._name, now=self._clock())
        except SQLAlchemyError as error:
            _log.error("database_unavailable", error=type(error).__name__)
        if self._sweeping is not None:
            self._sweeping.join(_SWEEP_GRACE_S)  # a look that is cut off leaves nothing half done
        self._sign.release()
        self._reconciler.close()
        self._broker.close()
        self._celery.close()
        self._engine.dispose()
