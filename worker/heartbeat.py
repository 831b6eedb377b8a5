"""Keeps the leases of a chunk alive while its worker is.

A lease can then be short, so that a dead worker's scans are taken up soon, without being shorter than the
slowest chunk.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from shared.db import queries
from shared.db.queries import ClaimedScan
from shared.db.session import transaction
from worker.runtime import Runtime

_log = structlog.get_logger(__name__)
_BEATS_PER_LEASE = 3
_AGAIN_AFTER_S = 1.0


@contextmanager
def heartbeat(runtime: Runtime, claimed: Sequence[ClaimedScan]) -> Iterator[None]:
    """Renew the leases of `claimed` from a thread until the block ends."""
    done = threading.Event()
    thread = threading.Thread(target=_beat, args=(runtime, claimed, done), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _beat(runtime: Runtime, claimed: Sequence[ClaimedScan], done: threading.Event) -> None:
    lease_s = runtime.settings.lease_s
    pause_s = lease_s / _BEATS_PER_LEASE
    while not done.wait(pause_s):
        try:
            with transaction(runtime.engine) as session:
                queries.renew(session, claimed, until=runtime.clock() + timedelta(seconds=lease_s))
            pause_s = lease_s / _BEATS_PER_LEASE
        except SQLAlchemyError as error:
            _log.warning("lease_not_renewed", error=type(error).__name__)
            pause_s = min(pause_s, _AGAIN_AFTER_S)
