"""One chunk through claim, pipeline, artifacts and record, with the shipped network, on both databases."""

from __future__ import annotations

import dataclasses
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import Engine, insert, select

from neurobatch.phantoms import draw_head
from shared.artifacts import LocalArtifactStore, upload_key
from shared.db import releases
from shared.db.base import new_id
from shared.db.models import Attempt, Batch, Prediction, Scan
from shared.db.session import reading, transaction
from shared.domain import ScanState
from shared.settings import Settings
from worker import processing
from worker.inference.model import Model, load_model
from worker.inference.pipeline import Pipeline
from worker.inference.types import Explained, Predicted
from worker.runtime import Runtime

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def model() -> Model:
    return load_model(Settings().model_dir)


@pytest.fixture
def runtime(settings: Settings, engine: Engine, model: Model) -> Runtime:
    return Runtime(
        worker="w",
        model=model.name,
        settings=settings,
        engine=engine,
        store=LocalArtifactStore(settings.data_dir),
        pipeline=Pipeline(model, max_pixels=settings.max_pixels),
        clock=lambda: NOW,
    )


def png(seed: int, *, side_px: int = 256) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(draw_head(seed, side_px=side_px)).save(encoded, "PNG")
    return encoded.getvalue()


def add_scans(runtime: Runtime, *uploads: bytes) -> list[UUID]:
    batch_id, ids = new_id(), []
    with transaction(runtime.engine) as session:
        session.add(Batch(id=batch_id, details={}, created_at=NOW))
        session.flush()
        for index, data in enumerate(uploads):
            key = upload_key(batch_id, str(index))
            runtime.store.write(key, data)
            row = {"filename": "a", "upload_key": key, "size_bytes": len(data), "sha256": "", "created_at": NOW}
            ids.append(new_id())
            session.execute(insert(Scan), [{"id": ids[-1], "batch_id": batch_id, **row}])
    return ids


def states(runtime: Runtime) -> list[tuple[ScanState, str | None]]:
    with reading(runtime.engine) as session:
        return [(scan.state, scan.code) for scan in session.scalars(select(Scan).order_by(Scan.id))]


def artifacts(data_dir: Path) -> list[Path]:
    return sorted(path for path in data_dir.glob("artifacts/**/*") if path.is_file())


def test_a_bad_file_does_not_spoil_its_neighbours(runtime: Runtime) -> None:
    processing.process_scans(runtime, add_scans(runtime, png(1), b"", b"text", png(2)[:500], png(3)))
    assert states(runtime) == [
        (ScanState.SUCCEEDED, None),
        (ScanState.REJECTED, "empty_file"),
        (ScanState.REJECTED, "not_an_image"),
        (ScanState.REJECTED, "truncated_image"),
        (ScanState.SUCCEEDED, None),
    ]


def bitmap_of(side_px: int) -> bytes:
    encoded = io.BytesIO()
    Image.new("1", (side_px, side_px)).save(encoded, "PNG", optimize=True)
    return encoded.getvalue()


@pytest.mark.parametrize(
    ("side_px", "code"), [(1, "image_too_small"), (8_000, "image_too_large"), (256, "no_brain_found")]
)
def test_absurd_sizes_and_blank_pictures_are_rejected(runtime: Runtime, side_px: int, code: str) -> None:
    processing.process_scans(runtime, add_scans(runtime, bitmap_of(side_px), png(1)))
    assert states(runtime) == [(ScanState.REJECTED, code), (ScanState.SUCCEEDED, None)]


def test_every_row_has_its_artifacts_and_every_artifact_its_row(runtime: Runtime) -> None:
    processing.process_scans(runtime, add_scans(runtime, png(1), png(2)))
    with reading(runtime.engine) as session:
        rows = session.scalars(select(Prediction)).all()
    named = {runtime.store.path(path) for row in rows for path in (row.heatmap_path, row.grid_path, row.overlay_path)}
    assert len(named) == 6
    assert artifacts(runtime.settings.data_dir) == sorted(named)


def test_a_message_delivered_twice_changes_nothing(runtime: Runtime) -> None:
    ids = add_scans(runtime, png(1), png(2))
    processing.process_scans(runtime, ids)
    files = artifacts(runtime.settings.data_dir)
    processing.process_scans(runtime, ids)
    processing.process_scans(runtime, [new_id()])
    assert artifacts(runtime.settings.data_dir) == files
    with reading(runtime.engine) as session:
        assert len(session.scalars(select(Attempt)).all()) == 2


class _Overtaken(Pipeline):
    """A pipeline that is so slow that its lease ends and another worker takes the scans."""

    runtime: Runtime

    def render(self, scan: Predicted) -> Explained:
        late = NOW + timedelta(seconds=self.runtime.settings.lease_s + 1)
        with transaction(self.runtime.engine) as session:
            lost = [scan for scan, _ in releases.expired(session, now=late, limit=10)]
            releases.bury(session, lost, now=late, settings=self.runtime.settings)
        if lost:
            processing.process_scans(dataclasses.replace(self.runtime, worker="quick"), [scan.id for scan in lost])
        return super().render(scan)


def test_a_worker_that_was_overtaken_discards_its_result(runtime: Runtime, model: Model) -> None:
    ids = add_scans(runtime, png(1))
    overtaken = _Overtaken(model, max_pixels=runtime.settings.max_pixels)
    overtaken.runtime = runtime
    processing.process_scans(dataclasses.replace(runtime, pipeline=overtaken), ids)
    with reading(runtime.engine) as session:
        (row,) = session.scalars(select(Prediction)).all()
        attempts = [(a.worker, a.outcome) for a in session.scalars(select(Attempt).order_by(Attempt.fence))]
    assert attempts == [("w", "released"), ("quick", "succeeded")]
    assert len(artifacts(runtime.settings.data_dir)) == 3
    assert runtime.store.path(row.heatmap_path).is_file()


def test_a_fault_of_ours_gives_the_scans_back(runtime: Runtime) -> None:
    ids = add_scans(runtime, png(1))
    for path in runtime.settings.data_dir.glob("uploads/*/*"):
        path.unlink()
    processing.process_scans(runtime, ids)
    assert states(runtime) == [(ScanState.QUEUED, None)]
    for _ in range(runtime.settings.attempts_limit):
        processing.process_scans(runtime, ids)
    assert states(runtime) == [(ScanState.FAILED, "storage_error")]


def test_the_stored_map_is_the_one_that_was_drawn(runtime: Runtime) -> None:
    processing.process_scans(runtime, add_scans(runtime, png(1)))
    with reading(runtime.engine) as session:
        (row,) = session.scalars(select(Prediction)).all()
    grid = np.load(runtime.store.path(row.grid_path))
    assert grid.dtype == np.float32
    with Image.open(runtime.store.path(row.heatmap_path)) as drawn:
        assert drawn.size == (row.width, row.height)
    assert 0 <= row.focus_x < row.width
    assert 0 <= row.focus_y < row.height
