"""Engines and transactions, alike on SQLite and PostgreSQL.

SQLite takes its write lock when a transaction begins (BEGIN IMMEDIATE): a transaction that reads first and
writes later would otherwise fail with SQLITE_BUSY instead of waiting its turn.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from pydantic_core import from_json
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

_READ_ONLY = "neurobatch_read_only"
_DURABLE = "neurobatch_durable"
_SQLITE_BUSY_TIMEOUT_MS = 30_000
_USED_AT = "neurobatch_used_at"
_ASK_AFTER_S = 1.0


def make_engine(url: str, **options: Any) -> Engine:
    """An engine for a SQLAlchemy URL; its errors tell no values, which may be patient data and end in a log."""
    options = {"hide_parameters": True, "json_deserializer": _read_json, **options}
    if make_url(url).get_backend_name() != "sqlite":
        engine = create_engine(url, connect_args={"connect_timeout": 5}, **options)
        event.listen(engine, "connect", _set_up_postgresql)
        event.listen(engine, "checkin", _note_use)
        event.listen(engine, "checkout", partial(_ask_after_a_pause, engine))
        return engine
    engine = create_engine(url, **options)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _read_json(text: str | bytes) -> Any:
    """As `json.loads` does, in a fifth of the time: a page of scans has hundreds of JSON values."""
    try:
        return from_json(text)
    except ValueError:
        return json.loads(text)  # half a surrogate pair, which a client's metadata may hold


def _set_up_postgresql(dbapi_connection: Any, _record: Any) -> None:
    """Plan each query for its values: planned once for all, a page of 50 of a million scans reads a tenth of them.

    Told in UTC, a time needs no other zone looked up for it: a page of scans has a thousand.
    """
    dbapi_connection.autocommit = True
    dbapi_connection.execute("SET plan_cache_mode = force_custom_plan; SET timezone = 'UTC'")
    dbapi_connection.autocommit = False


def _note_use(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info[_USED_AT] = time.monotonic()


def _ask_after_a_pause(engine: Engine, connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
    """Have a connection replaced that the server closed meanwhile; one just used needs no round trip for that.

    As `pool_pre_ping` does, which asks each time.
    """
    if time.monotonic() - record.info.get(_USED_AT, math.inf) < _ASK_AFTER_S:
        return
    try:
        engine.dialect.do_ping(connection)
    except engine.dialect.loaded_dbapi.Error as error:
        raise DisconnectionError from error


def _set_up_sqlite(dbapi_connection: Any, _record: Any) -> None:
    dbapi_connection.isolation_level = None  # transactions are begun by _begin_sqlite alone
    for pragma in (
        f"busy_timeout = {_SQLITE_BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "foreign_keys = ON",
    ):
        dbapi_connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    read_only = options.get(_READ_ONLY, False)
    # NORMAL could lose the last commits with the machine's power: a 202 must outlive that.
    connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if options.get(_DURABLE, True) else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


@contextmanager
def transaction(engine: Engine, *, durable: bool = True) -> Iterator[Session]:
    """A session that commits at the end and rolls back on an exception.

    A commit that need not be `durable` waits for no disk: everyone sees it, and a later one that waits brings it along,
    but until then it may be lost with the machine's power.
    """
    with (
        engine.connect().execution_options(**{_DURABLE: durable}) as connection,
        Session(connection, expire_on_commit=False) as session,
        session.begin(),
    ):
        if not durable and connection.dialect.name == "postgresql":
            session.execute(text("SET LOCAL synchronous_commit = off"))
        yield session


@contextmanager
def reading(engine: Engine, *, one_state: bool = False) -> Iterator[Session]:
    """A session for reading alone: it takes no write lock and never commits.

    On PostgreSQL each statement sees a state of its own, and no transaction is begun, which saves two round trips;
    unless all are to see `one_state`. On SQLite they always do.
    """
    options: dict[str, Any] = {_READ_ONLY: True}
    if engine.dialect.name != "sqlite":
        options["isolation_level"] = "REPEATABLE READ" if one_state else "AUTOCOMMIT"
    with (
        engine.connect().execution_options(**options) as connection,
        Session(connection, expire_on_commit=False) as session,
    ):
        yield session
