"""Migrations and models say the same, in both directions, on both databases."""

from __future__ import annotations

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from shared.db import models
from shared.db.revision import current_revision, head_revision
from tests.conftest import ROOT


def test_models_agree_with_migrations(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), models.Base.metadata) == []
        assert current_revision(connection) == head_revision()


def test_every_migration_can_be_undone(engine: Engine) -> None:
    config = Config(str(ROOT / "alembic.ini"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    assert "predictions" in inspect(engine).get_table_names()


def test_what_was_stored_before_there_were_projects_is_the_local_ones(engine: Engine) -> None:
    config = Config(str(ROOT / "alembic.ini"))
    batch, first, second = (f"'{n:032x}'" for n in (1, 2, 3))
    at = "'2026-01-01 00:00:00'"
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
        connection.execute(text(f"INSERT INTO batches (id, metadata, created_at) VALUES ({batch}, '{{}}', {at})"))
        connection.execute(text(f"INSERT INTO idempotency_keys VALUES ('k', 'f', {batch}, {at})"))
        for scan, frame in ((first, 0), (second, 1)):  # two pages of one upload
            connection.execute(
                text(
                    "INSERT INTO scans (id, batch_id, filename, frame, upload_key, size_bytes, sha256, state, fence, "
                    f"created_at) VALUES ({scan}, {batch}, 'a.tif', {frame}, 'uploads/a', 70, '', 'queued', 0, {at})"
                )
            )
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT project, size_bytes FROM batches")).all() == [("local", 70)]
        assert connection.execute(text("SELECT project FROM scans")).all() == [("local",), ("local",)]
        assert connection.execute(text("SELECT project, key FROM idempotency_keys")).all() == [("local", "k")]
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
        assert connection.execute(text("SELECT count(*) FROM scans")).scalar() == 2
