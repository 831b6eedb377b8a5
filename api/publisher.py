"""Publishes what a call has just stored, unless the broker was out of reach a moment ago.

A broker that hangs keeps a call waiting, on SQLite with the write lock in its hand. The next ones leave their scans to
the relay, which looks again and again.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from celery import Celery
from sqlalchemy import Engine

from shared.clock import Clock
from shared.dispatch import dispatch_quietly

_PAUSE_S = 5.0


class Publisher:
    """One for all threads: what one of them learns of the broker the others need not learn again."""

    def __init__(
        self,
        engine: Engine,
        celery: Celery,
        *,
        clock: Clock,
        chunk_size: int,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine, self._celery = engine, celery
        self._clock, self._chunk_size = clock, chunk_size
        self._monotonic_s = monotonic_s
        self._not_before_s = -math.inf
        self._asking = threading.Lock()

    def publish(self) -> None:
        """Publish whatever waits in SQL; nothing is lost where this cannot be done."""
        with self._asking:
            if self._monotonic_s() < self._not_before_s:
                return
            if not dispatch_quietly(self._engine, self._celery, clock=self._clock, chunk_size=self._chunk_size):
                self._not_before_s = self._monotonic_s() + _PAUSE_S
