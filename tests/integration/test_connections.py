"""Connections to PostgreSQL that were closed by the other side while nobody used them."""

from __future__ import annotations

import time
from unittest.mock import Mock

import pytest
from sqlalchemy import Engine, text

from shared.db import session as sessions
from shared.db.session import make_engine, reading

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def backend(engine: Engine) -> int:
    with reading(engine) as session:
        return int(session.scalar(text("SELECT pg_backend_pid()")) or 0)


@on_postgresql
def test_a_connection_that_was_closed_meanwhile_is_replaced(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "_ASK_AFTER_S", 0.01)
    before = backend(engine)
    other = make_engine(database_url)
    with reading(other) as session:
        assert session.scalar(text(f"SELECT pg_terminate_backend({before})"))
    other.dispose()
    time.sleep(0.1)
    assert backend(engine) not in {0, before}


@on_postgresql
def test_one_that_was_just_used_is_not_asked(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Mock(wraps=engine.dialect.do_ping)
    monkeypatch.setattr(engine.dialect, "do_ping", asked)
    assert backend(engine) == backend(engine) == backend(engine)
    assert asked.call_count == 0
    monkeypatch.setattr(sessions, "_ASK_AFTER_S", 0.0)
    backend(engine)
    assert asked.call_count == 1
