"""The database of the settings, for commands that work on it without the service."""

from __future__ import annotations

from pathlib import Path

import click
from sqlalchemy import Connection, Engine

from shared.db.revision import current_revision, head_revision


def check_file(engine: Engine) -> None:
    """Raise ClickException where an SQLite database is not there, which connecting would make."""
    if (file := engine.url.database) and engine.dialect.name == "sqlite" and not Path(file).is_file():
        raise click.ClickException(f"There is no database {file}; --data-dir names the service's folder.")


def check_revision(connection: Connection) -> None:
    """Raise ClickException where the tables are not those of this version."""
    revision = current_revision(connection)
    if revision != head_revision():
        found = f"at revision {revision}, not {head_revision()}" if revision else "empty"
        raise click.ClickException(f"The database is {found}; run alembic upgrade head.")
