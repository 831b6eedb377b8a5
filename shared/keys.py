"""API keys: what they look like, how they are kept, made and revoked.

A key is `nb_ID_SECRET`. Its secret is 256 random bits, so one round of SHA-256 is the right way to keep it: there is no
dictionary that a slow hash would have to defend, and a request costs a microsecond instead of a tenth of a second. Of
the key only that hash is stored; the key itself is shown once, when it is made.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from shared.audit import Action, append_entry
from shared.db.models import ApiKey
from shared.errors import InvalidRequest, NotFound

_ID_BYTES, _SECRET_BYTES = 6, 32
_KEY = re.compile(r"nb_([0-9a-f]{12})_([0-9a-f]{64})")
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LAST_USED_EVERY = timedelta(hours=1)


class Scope(StrEnum):
    """What a key is good for, each by itself."""

    SUBMIT = "submit"
    READ = "read"
    ADMIN = "admin"


def create_key(
    session: Session, *, project: str, scopes: Collection[Scope], now: datetime, actor: str
) -> tuple[str, str]:
    """Make a key: its id, and the key itself, told this once. InvalidRequest for an unusable project or no scope."""
    if not _PROJECT.fullmatch(project):
        raise InvalidRequest(
            "A project's name is 1 to 64 letters, digits, '.', '_' and '-', the first a letter or digit.",
            code="invalid_project",
        )
    if not scopes:
        raise InvalidRequest(f"A key needs a scope: {', '.join(Scope)}.", code="no_scope")
    key_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_hex(_SECRET_BYTES)
    session.add(
        ApiKey(
            id=key_id,
            project=project,
            scopes=sorted(set(scopes)),
            secret_sha256=_digest(secret),
            created_at=now,
        )
    )
    append_entry(session, Action.KEY_CREATED, actor=actor, project=project, subject=key_id, now=now)
    return key_id, f"nb_{key_id}_{secret}"


def revoke_key(session: Session, key_id: str, *, now: datetime, actor: str) -> ApiKey:
    """End a key, for good; NotFound if there is none. One that was revoked before stays as it was."""
    key = session.get(ApiKey, key_id, with_for_update=True)
    if key is None:
        raise NotFound("There is no such key.")
    if key.revoked_at is None:
        key.revoked_at = now
        append_entry(session, Action.KEY_REVOKED, actor=actor, project=key.project, subject=key_id, now=now)
    return key


def list_keys(session: Session) -> list[ApiKey]:
    """Every key, the oldest first."""
    return list(session.scalars(select(ApiKey).order_by(ApiKey.created_at, ApiKey.id)))


def any_key(session: Session) -> bool:
    """Whether there is a key that is not revoked."""
    return session.scalar(select(ApiKey.id).where(ApiKey.revoked_at.is_(None)).limit(1)) is not None


def parse_key(text: str) -> tuple[str, str] | None:
    """Id and secret of a key; None for what has not its form."""
    match = _KEY.fullmatch(text)
    return (match[1], match[2]) if match else None


def is_secret_of(secret: str, secret_sha256: str) -> bool:
    """Whether this is the secret, in the same time whatever differs."""
    return hmac.compare_digest(_digest(secret), secret_sha256)


def note_use(session: Session, key_id: str, *, now: datetime) -> None:
    """Note that a key is in use, once an hour: a write for each request would cost more than it tells."""
    session.execute(
        update(ApiKey)
        .where(ApiKey.id == key_id, or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < now - _LAST_USED_EVERY))
        .values(last_used_at=now.replace(minute=0, second=0, microsecond=0))
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
