"""Which API keys hold, looked up in SQL and remembered for seconds.

Remembering saves a query for each request; a revoked key is refused once what is remembered is `key_cache_s` old.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from shared.audit import NOBODY, Action, append_entry
from shared.clock import Clock
from shared.db.models import ApiKey
from shared.db.session import reading, transaction
from shared.keys import Scope, is_secret_of, note_use, parse_key

_MOST_REMEMBERED = 4_096
_REFUSALS_TOLD_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class KnownKey:
    """A key that holds."""

    id: str
    project: str
    scopes: frozenset[Scope]
    secret_sha256: str


class KeyRing:
    """The keys of one database."""

    def __init__(self, engine: Engine, *, clock: Clock, cache_s: float) -> None:
        self._engine = engine
        self._clock = clock
        self._cache_s = cache_s
        self._remembered: dict[str, tuple[float, KnownKey]] = {}
        self._lock = threading.Lock()
        self._refused = 0
        self._told_at: datetime | None = None

    def find(self, text: str) -> KnownKey | None:
        """The key that `text` is; None for one that does not hold. SQLAlchemyError if that cannot be told."""
        parsed = parse_key(text)
        if parsed is None:
            return None
        key_id, secret = parsed
        key = self.holding(key_id)
        return key if key is not None and is_secret_of(secret, key.secret_sha256) else None

    def holding(self, key_id: str) -> KnownKey | None:
        """The key of this id, if there is one that was not revoked more than `key_cache_s` ago."""
        now_s = time.monotonic()
        with self._lock:
            good_until_s, key = self._remembered.get(key_id, (0.0, None))
        if key is not None and now_s < good_until_s:
            return key
        key = self._look_up(key_id)
        with self._lock:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered.pop(key_id, None)
            if key is not None:
                self._remembered[key_id] = (now_s + self._cache_s, key)
        return key

    def _look_up(self, key_id: str) -> KnownKey | None:
        with reading(self._engine) as session:
            row = session.get(ApiKey, key_id)
        if row is None or row.revoked_at is not None:
            return None
        now = self._clock()
        if row.last_used_at is None or now - row.last_used_at > timedelta(hours=1):
            # That a key is in use is worth knowing, not worth failing a request for.
            with suppress(SQLAlchemyError), transaction(self._engine) as session:
                note_use(session, key_id, now=now)
        return KnownKey(row.id, row.project, frozenset(map(Scope, row.scopes)), row.secret_sha256)

    def note_refusal(self, text: str, *, request_id: str | None) -> None:
        """Count a request with a wrong key; the audit trail is told once a minute, so that nobody can flood it."""
        now = self._clock()
        with self._lock:
            self._refused += 1
            if self._told_at is not None and now - self._told_at < _REFUSALS_TOLD_EVERY:
                return
            refused, self._refused, self._told_at = self._refused, 0, now
        parsed = parse_key(text)
        with suppress(SQLAlchemyError), transaction(self._engine) as session:
            append_entry(
                session,
                Action.LOGIN_REFUSED,
                actor=NOBODY,
                subject=parsed[0] if parsed else None,
                count=refused,
                request_id=request_id,
                now=now,
            )
