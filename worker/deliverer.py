"""The relay's other loop: takes deliveries that are due and sends each in a thread of its own.

It shares nothing with the publishing of scans but the process, so that a receiver that hangs does not hold that up. Of
one webhook a single delivery is on its way at a time, and a sender that is free goes first to a project that has none:
receivers that hang take turns with their own project's. Every relay delivers, whoever holds the relay's lease; the rows
say who sends what (`worker/webhook_queue.py`).
"""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from shared.clock import Clock, utc_now
from shared.db.session import transaction
from shared.settings import Settings
from worker.patience import patiently
from worker.webhook_queue import Outcome, Taken, end_attempt, remove_old_deliveries, take_due
from worker.webhook_sender import Sender

_log = structlog.get_logger(__name__)
_REMOVE_EVERY_S = 60.0
_STOP_WITHIN_S = 5.0


class Deliverer:
    """Delivers until it is stopped. `start` runs it in threads; `turn` sends one delivery in the caller's."""

    def __init__(self, settings: Settings, engine: Engine, *, sender: Sender | None = None, clock: Clock = utc_now):
        self._settings = settings
        self._engine = engine
        self._sender = sender or Sender(settings)
        self._clock = clock
        self._stopping = threading.Event()
        self._free = threading.BoundedSemaphore(settings.webhook_senders)
        self._busy: dict[UUID, str] = {}
        self._lock = threading.Lock()
        self._removed_at = 0.0
        self._lead = threading.Thread(target=self._run, name="deliverer", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._lead.start()

    def is_alive(self) -> bool:
        """Whether it goes on taking deliveries."""
        return self._lead.is_alive()

    def stop(self) -> None:
        """Take no more, and wait a little for what is on its way; what does not end is sent again by another relay."""
        self._stopping.set()
        self._lead.join(_STOP_WITHIN_S)
        deadline = time.monotonic() + _STOP_WITHIN_S
        while self._busy and time.monotonic() < deadline:
            time.sleep(0.05)

    def turn(self) -> bool:
        """Send the delivery that has been due for longest, here and now; whether there was one."""
        taken = self._take()
        if taken is not None:
            self._deliver(taken)
        return taken is not None

    def remove_old(self) -> int:
        """Take some of what is older than `webhook_log_days` out of the log; the number of deliveries."""
        before = self._clock() - timedelta(days=self._settings.webhook_log_days)
        with transaction(self._engine) as session:
            return remove_old_deliveries(session, before=before)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                worked = self._start_one()
                if time.monotonic() - self._removed_at >= _REMOVE_EVERY_S:
                    self._removed_at = time.monotonic()
                    self.remove_old()
            except SQLAlchemyError as error:
                _log.error("database_unavailable", error=type(error).__name__)
                worked = False
            if not worked:
                self._stopping.wait(self._settings.relay_interval_s)

    def _start_one(self) -> bool:
        if not self._free.acquire(timeout=self._settings.relay_interval_s):
            return False
        taken = None
        try:
            taken = self._take()
        finally:
            if taken is None:
                self._free.release()
        if taken is None:
            return False
        threading.Thread(target=self._deliver_and_free, args=(taken,), name="webhook", daemon=True).start()
        return True

    def _take(self) -> Taken | None:
        with self._lock:
            busy = dict(self._busy)
        with transaction(self._engine) as session:
            taken = take_due(session, now=self._clock(), busy=busy, settings=self._settings)
        if taken is not None:
            with self._lock:
                self._busy[taken.webhook_id] = taken.project
        return taken

    def _deliver_and_free(self, taken: Taken) -> None:
        try:
            self._deliver(taken)
        finally:
            self._free.release()

    def _deliver(self, taken: Taken) -> None:
        ids = {"webhook_id": str(taken.webhook_id), "delivery_id": str(taken.id), "attempt": taken.number}
        try:
            outcome = self._sender.send(taken, timestamp=int(self._clock().timestamp()))
            self._record(taken, outcome)
        except (OperationalError, InterfaceError) as error:
            # The receiver may have it, and will know it by its id when it comes again.
            _log.error("delivery_not_recorded", error=type(error).__name__, **ids)
        else:
            told = {"status": outcome.status_code, "error": outcome.error, "duration_ms": outcome.duration_ms}
            if outcome.error is None:
                _log.info("webhook_delivered", **ids, **told)
            else:
                _log.warning("webhook_not_delivered", **ids, **told)
            if outcome.gone:
                _log.warning("webhook_disabled", webhook_id=str(taken.webhook_id))
        finally:
            with self._lock:
                self._busy.pop(taken.webhook_id, None)

    def _record(self, taken: Taken, outcome: Outcome) -> None:
        patiently(
            self._engine,
            lambda session: end_attempt(session, taken, outcome, now=self._clock(), settings=self._settings),
            within_s=self._settings.webhook_timeout_s,
        )
