"""Migrations and models say the same, in both directions, on both databases."""

from __future__ import annotations

from uuid import UUID

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, select, text

from shared.db import models
from shared.db.base import Base
from shared.db.revision import current_revision, head_revision
from tests.conftest import ROOT


def test_models_agree_with_migrations(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
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


def test_what_was_stored_before_is_found_by_the_new_indexes(engine: Engine) -> None:
    config = Config(str(ROOT / "alembic.ini"))
    batch, first, second = (f"'{n:032x}'" for n in (1, 2, 3))
    at = "'2026-01-01 00:00:00'"
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0006")
        connection.execute(
            text(f"INSERT INTO batches (id, project, metadata, created_at) VALUES ({batch}, 'p', '{{}}', {at})")
        )
        for scan in (second, first):
            columns = "id, batch_id, project, filename, frame, size_bytes, sha256, state, fence, created_at"
            values = f"{scan}, {batch}, 'p', 'a.png', 0, 70, '', 'succeeded', 1, {at}"
            connection.execute(text(f"INSERT INTO scans ({columns}) VALUES ({values})"))
        result = {
            "model": "'m'",
            "label": "'glioma'",
            "probabilities": "'{}'",
            "confidence": "0.5",
            "needs_review": "false",
            "review_reasons": "'[]'",
            "heatmap_path": "''",
            "grid_path": "''",
            "overlay_path": "''",
            "focus_x": "0",
            "focus_y": "0",
            "frame_x": "0",
            "frame_y": "0",
            "frame_side": "1",
            "width": "1",
            "height": "1",
            "timings": "'{}'",
            "scan_id": first,
            "created_at": at,
        }
        connection.execute(text(f"INSERT INTO predictions ({', '.join(result)}) VALUES ({', '.join(result.values())})"))
        command.upgrade(config, "head")
        prediction = connection.execute(select(models.Prediction.batch_id, models.Prediction.project)).one()
        ids = connection.execute(select(models.Batch.first_scan_id, models.Batch.last_scan_id)).one()
    assert prediction == (UUID(int=1), "p")
    assert ids == (UUID(int=2), UUID(int=3))
