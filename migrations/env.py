"""Runs the migrations on the database that the settings name, or on a connection handed over by a test."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, event, pool

from shared.db import models  # noqa: F401  (fills the metadata)
from shared.db.base import Base, UtcDateTime
from shared.db.session import make_engine
from shared.settings import load_settings


def _render_item(kind: str, item: Any, _context: object) -> str | Literal[False]:
    """Write our column types as plain SQLAlchemy ones: a migration must not change when our code does."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        render_item=_render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


handed_over: Connection | None = context.config.attributes.get("connection")
if handed_over is not None:
    _migrate(handed_over)
else:
    settings = load_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    engine = make_engine(settings.sql_url, poolclass=pool.NullPool)
    if engine.dialect.name == "sqlite":
        # A table that SQLite cannot alter is copied and dropped, which would cascade into the tables that refer to it.
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = OFF"))
    with engine.connect() as connection:
        _migrate(connection)
        connection.commit()
