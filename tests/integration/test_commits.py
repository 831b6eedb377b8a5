"""Which commits wait for the disk and what has to be there first, and what a reader sees of those of others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, func, select, text
from sqlalchemy.orm import Session

from api.services import Services
from shared.db.models import Batch
from shared.db.session import reading, transaction
from shared.settings import Settings
from tests.integration.submissions import submit, upload
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


def test_uploads_and_the_folders_that_name_them_are_on_the_disk_before_a_row_is_written(
    client: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: steps.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    engine = client.application.extensions[Services.EXTENSION].engine
    event.listen(engine, "before_cursor_execute", lambda _, cursor, statement, *__: steps.append(statement))
    batch = Path(submit(client, upload("a.png"), upload("b.png")).headers["Location"]).name
    before = steps[: next(at for at, step in enumerate(steps) if step.startswith("INSERT"))]
    folder = settings.data_dir / "uploads" / batch
    assert {str(path) for path in (folder.parent, folder, folder / "000000", folder / "000001")} <= set(before)


def test_a_reader_of_one_state_sees_no_later_commit(engine: Engine) -> None:
    def count(session: Session) -> int | None:
        return session.scalar(select(func.count()).select_from(Batch))

    with reading(engine, one_state=True) as session:
        before = count(session)
        add_batch(engine, 1)
        assert count(session) == before == 0
    with reading(engine) as session:
        assert count(session) == 1
