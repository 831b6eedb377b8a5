"""Whether the database's schema is the one that this code was written for."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

_MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


@cache
def head_revision() -> str:
    """The newest revision in `migrations/`."""
    head = ScriptDirectory(str(_MIGRATIONS)).get_current_head()
    assert head is not None
    return head


def current_revision(connection: Connection) -> str | None:
    """The database's revision; None for an empty database."""
    return MigrationContext.configure(connection).get_current_revision()
