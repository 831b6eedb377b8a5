"""Browsers that are signed in with a key, as rows: a cookie's token is looked up, and ends when its row or key does.

The token is 256 random bits, so its SHA-256 is kept as that of a key's secret is (docs/adr/0018). The token that
changes must carry beside the cookie is derived from it, so that there is nothing more to keep: who cannot read the
cookie cannot make it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, update
from sqlalchemy.exc import SQLAlchemyError

from shared.clock import Clock
from shared.db.models import BrowserSession
from shared.db.session import reading, transaction

COOKIE = "nb_session"
_TOKEN_BYTES = 32
_USED_EVERY = timedelta(hours=1)


class BrowserSessions:
    """The sessions of one database."""

    def __init__(self, engine: Engine, *, clock: Clock, lasting: timedelta) -> None:
        self._engine = engine
        self._clock = clock
        self.lasting = lasting

    def begin(self, key_id: str) -> str:
        """Sign a browser in with a key that holds; the token for its cookie, told this once."""
        token, now = secrets.token_urlsafe(_TOKEN_BYTES), self._clock()
        with transaction(self._engine) as session:
            session.add(
                BrowserSession(
                    token_sha256=digest(token),
                    key_id=key_id,
                    created_at=now,
                    expires_at=now + self.lasting,
                    last_used_at=_hour(now),
                )
            )
        return token

    def key_of(self, token: str) -> str | None:
        """The id of the key that stands behind a token; None where its session has ended or never was."""
        row, now = self._row(digest(token)), self._clock()
        if row is None:
            return None
        if now - row.last_used_at > _USED_EVERY:
            self._note_use(row.token_sha256, now=now)
        return row.key_id

    def holds(self, token_sha256: str) -> bool:
        """Whether a session has not ended."""
        return self._row(token_sha256) is not None

    def end(self, token: str) -> None:
        """Sign a browser out; nothing where it was not signed in."""
        with transaction(self._engine) as session:
            session.execute(delete(BrowserSession).where(BrowserSession.token_sha256 == digest(token)))

    def _row(self, token_sha256: str) -> BrowserSession | None:
        with reading(self._engine) as session:
            row = session.get(BrowserSession, token_sha256)
        return row if row is not None and self._clock() < row.expires_at else None

    def _note_use(self, token_sha256: str, *, now: datetime) -> None:
        # As of a key: worth knowing, not worth failing a request for.
        used = update(BrowserSession).where(BrowserSession.token_sha256 == token_sha256).values(last_used_at=_hour(now))
        with suppress(SQLAlchemyError), transaction(self._engine) as session:
            session.execute(used)


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_token(token: str) -> str:
    """What requests that change something send as X-CSRF-Token, for the session of this cookie's token."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def is_csrf_token_of(token: str, sent: str) -> bool:
    """Whether it is that, in the same time whatever differs."""
    return hmac.compare_digest(csrf_token(token).encode(), sent.encode())


def _hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0)
