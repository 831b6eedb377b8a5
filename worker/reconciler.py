"""Finds what no message will ever finish, and sets it going again.

Everything here may be done twice or by two processes at once without harm: each step is a conditional update or
removes what nobody can refer to any more. The relay's lease only saves the work.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import redis
import structlog
from sqlalchemy import Engine

from shared import presence
from shared.clock import Clock, utc_now
from shared.db import releases, sweeps
from shared.db.session import reading, transaction
from shared.liveness import WORKERS_FOLDER, owner_if_dead
from shared.messages import SCANS_QUEUE
from shared.settings import Settings
from worker.orphans import OrphanSweep

_log = structlog.get_logger(__name__)
_AT_ONCE = 1_000


@dataclass
class Reconciler:
    """The reconciler of one process, with its connections."""

    settings: Settings
    engine: Engine
    clock: Clock = utc_now
    # How long a lease that has run out must stay as it is; a living worker renews it within that time.
    silence_s: float | None = None
    _suspects: dict[tuple[UUID, int, datetime], float] = field(init=False, default_factory=dict)
    _broker: redis.Redis = field(init=False)
    _orphans: OrphanSweep = field(init=False)

    def __post_init__(self) -> None:
        self._broker = presence.connect(self.settings)
        self._orphans = OrphanSweep(self.engine, self.settings.data_dir, self.settings.orphan_after_s)

    def close(self) -> None:
        """Close the connection to the broker; the engine is its maker's."""
        self._broker.close()

    def release_lost(self) -> int:
        """Give back the claims of processes that died, and those whose lease ran out; their number."""
        return self._release_of_the_dead() + self._release_expired()

    def sweep(self) -> Mapping[str, int]:
        """Everything else once; what was done, by name."""
        with transaction(self.engine) as session:
            mended = sweeps.mend_times(session, now=self.clock(), settings=self.settings)
            cancelled = sweeps.cancel_leftovers(session, now=self.clock())
        republished = self._forget_lost_messages()
        files = self._orphans.run()
        return {
            "times mended": mended,
            "scans to publish again": republished,
            "scans cancelled": cancelled,
            "orphans removed": files.removed,
            "artifacts missing": files.missing,
        }

    def _release_of_the_dead(self) -> int:
        released = 0
        for lock in (self.settings.data_dir / WORKERS_FOLDER).glob("*.lock"):
            if (worker := owner_if_dead(lock)) is None:
                continue
            with transaction(self.engine) as session:
                held = releases.held_by(session, worker)
                lost = releases.bury(session, held, now=self.clock(), settings=self.settings)
            # Only now: had the transaction failed, the next look must find the lock again.
            lock.unlink(missing_ok=True)
            if lost:
                _log.warning("worker_died", worker=worker, scans=lost)
            released += lost
        return released

    def _release_expired(self) -> int:
        """Give back claims whose lease ran out and is not renewed either.

        The second look makes this independent of clocks that differ or jump, and gives workers time to renew their
        leases after the database was away.
        """
        silence_s = self.settings.lease_s / 2 if self.silence_s is None else self.silence_s
        with reading(self.engine) as session:
            expired = releases.expired(session, now=self.clock(), limit=_AT_ONCE)
        looked_at = time.monotonic()
        seen = {(scan.id, scan.fence, until): scan for scan, until in expired}
        self._suspects = {key: self._suspects.get(key, looked_at) for key in seen}
        dead = [scan for key, scan in seen.items() if looked_at - self._suspects[key] >= silence_s]
        if not dead:
            return 0
        with transaction(self.engine) as session:
            released = releases.bury(session, dead, now=self.clock(), settings=self.settings)
        _log.warning("leases_expired", count=released)
        return released

    def _forget_lost_messages(self) -> int:
        """Have scans published again whose message the broker must have lost.

        The queue is first in, first out: a message is lost when the queue is empty, or when one that was
        published well after it has already been claimed. Everything else is an honest queue, however long.
        """
        patience = timedelta(seconds=self.settings.republish_after_s)
        try:
            waiting = self._broker.llen(SCANS_QUEUE)
        except redis.RedisError:
            return 0
        with reading(self.engine) as session:
            newest_claimed = sweeps.newest_claimed_dispatch(session)
        if waiting and newest_claimed is None:
            return 0
        now = self.clock()
        reached = min(now, newest_claimed) if waiting and newest_claimed else now
        with transaction(self.engine) as session:
            lost = sweeps.forget_dispatch(session, before=reached - patience)
        if lost:
            _log.warning("messages_lost", scans=lost)
        return lost
