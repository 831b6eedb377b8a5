"""Publishes what a call has just stored, unless the broker was out of reach a moment ago.

A broker that hangs keeps a call waiting, on SQLite with the write lock in its hand. The next ones leave their scans to
the relay, which looks again and again.
"""

from __future__ import annotations

import time

from celery import Celery
from sqlalchemy import Engine

from shared.clock import Clock
from shared.dispatch import dispatch_quietly

_PAUSE_S = 5.0


class Publisher:
    """One for all threads: what one of them learns of the broker the others need not learn again."""

    def __init__(self, engine: Engine, celery: Celery, *, clock: Clock, chunk_size: int) -> None:
        self._engine, self._celery = engine, celery
        self._clock, self._chunk_size = clock, chunk_size
        self._not_before = 0.0

    def publish(self) -> None:
        """Publish whatever waits in SQL; nothing is lost where this cannot be done."""
        if time.monotonic() < self._not_before:
            return
        if not dispatch_quietly(self._engine, self._celery, clock=self._clock, chunk_size=self._chunk_size):
            self._not_before = time.monotonic() + _PAUSE_S
