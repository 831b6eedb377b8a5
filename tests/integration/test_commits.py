"""Which commits wait for the disk, and what a reader sees of those of others, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from shared.db.models import Batch
from shared.db.session import reading, transaction
from tests.integration.test_delivery import add_batch


@pytest.mark.parametrize("durable", [True, False])
def test_only_a_durable_commit_waits_for_the_disk(engine: Engine, durable: bool) -> None:
    with transaction(engine, durable=durable) as session:
        if engine.dialect.name == "postgresql":
            assert session.scalar(text("SHOW synchronous_commit")) == ("on" if durable else "off")
        else:
            full, normal = 2, 1
            assert session.scalar(text("PRAGMA synchronous")) == (full if durable else normal)


def test_the_next_transaction_of_a_connection_waits_again(engine: Engine) -> None:
    for durable in (False, True):
        with transaction(engine, durable=durable) as session:
            if engine.dialect.name == "postgresql":
                waits = session.scalar(text("SHOW synchronous_commit")) == "on"
            else:
                waits = session.scalar(text("PRAGMA synchronous")) == 2
    assert waits


def test_a_reader_of_one_state_sees_no_later_commit(engine: Engine) -> None:
    def count(session: Session) -> int | None:
        return session.scalar(select(func.count()).select_from(Batch))

    with reading(engine, one_state=True) as session:
        before = count(session)
        add_batch(engine, 1)
        assert count(session) == before == 0
    with reading(engine) as session:
        assert count(session) == 1
