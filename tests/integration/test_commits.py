"""Which commits wait for the disk, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from shared.db.session import transaction


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
