"""A chunk between claim and record: faults stay with their scan, cancelled ones stop, lost answers cost nothing.

What it wrote is on the disk before it is recorded.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from sqlalchemy import Connection, Engine, event, select, text, update
from sqlalchemy.exc import OperationalError

from chaos.null_model import NullModel
from shared.artifacts import LocalArtifactStore
from shared.db.models import Attempt, Batch, Event, Prediction, Scan
from shared.db.session import reading, transaction
from shared.domain import ScanState
from shared.settings import Settings
from tests.integration.runtimes import null_runtime
from tests.integration.test_processing import NOW, add_scans, artifacts, png, states
from worker import processing
from worker.inference.bundle import read_bundle
from worker.inference.pipeline import Pipeline
from worker.inference.types import Decoded, Explained, Inference, Predicted, Rejected, Source
from worker.patience import patiently
from worker.runtime import Runtime

_DARK = 7  # seed of the scan that the network below cannot bear


class _Stumbling(NullModel):
    """A network that breaks on one picture, whoever else is in the batch."""

    def __init__(self, bad: npt.NDArray[np.float32]) -> None:
        super().__init__(read_bundle(Settings().model_dir))
        self._bad = bad

    def infer(self, batch: npt.NDArray[np.float32]) -> Inference:
        if any(np.array_equal(pixels[..., 0], self._bad) for pixels in batch):
            raise FloatingPointError("this one breaks the network")
        return super().infer(batch)


@pytest.fixture
def runtime(settings: Settings, engine: Engine) -> Runtime:
    return null_runtime(settings, engine)


def queued(engine: Engine) -> dict[int, list[UUID]]:
    """Waiting scans by their chunk limit."""
    found: dict[int, list[UUID]] = {}
    with reading(engine) as session:
        for scan in session.scalars(select(Scan).where(Scan.state == ScanState.QUEUED)):
            found.setdefault(scan.chunk_limit or 32, []).append(scan.id)
    return found


def reasons(runtime: Runtime) -> list[str | None]:
    """Why attempts ended without a result, in order of their scans."""
    with reading(runtime.engine) as session:
        return list(session.scalars(select(Attempt.reason).order_by(Attempt.scan_id, Attempt.fence)))


def test_a_scan_that_breaks_the_network_is_found_and_its_neighbours_succeed(runtime: Runtime) -> None:
    pictures = [png(seed) for seed in range(10)]
    ids = add_scans(runtime, *pictures)
    decoded = runtime.pipeline.decode(Source(pictures[_DARK]))
    assert isinstance(decoded, Decoded)
    pipeline = Pipeline(_Stumbling(decoded.prepared.pixels), max_pixels=runtime.settings.max_pixels)
    stumbling = dataclasses.replace(runtime, pipeline=pipeline)
    processing.process_scans(stumbling, ids)
    while waiting := queued(runtime.engine):
        for limit, some in waiting.items():
            for start in range(0, len(some), limit):
                processing.process_scans(stumbling, some[start : start + limit])
    expected: list[tuple[ScanState, str | None]] = [(ScanState.SUCCEEDED, None)] * 10
    expected[_DARK] = (ScanState.FAILED, "internal_error")
    assert states(runtime) == expected


def test_a_file_that_cannot_be_read_harms_no_neighbour(runtime: Runtime) -> None:
    ids = add_scans(runtime, png(1), png(2), png(3))
    with reading(runtime.engine) as session:
        scan = session.get(Scan, ids[1])
    assert scan is not None
    assert scan.upload_key is not None
    runtime.store.path(scan.upload_key).unlink()
    processing.process_scans(runtime, ids)
    assert [state for state, _ in states(runtime)] == [ScanState.SUCCEEDED, ScanState.QUEUED, ScanState.SUCCEEDED]
    assert reasons(runtime) == [None, "storage_error", None]


class _FullDisk(LocalArtifactStore):
    """Has no room for the last file of one scan."""

    refuses = ""

    def write(self, key: str, data: bytes) -> None:
        super().write(key, data)
        if self.refuses in key and key.endswith("overlay.jpg"):
            raise OSError(28, "No space left on device")


def test_a_full_disk_leaves_no_half_result(runtime: Runtime) -> None:
    ids = add_scans(runtime, png(1), png(2))
    store = _FullDisk(runtime.settings.data_dir)
    store.refuses = str(ids[1])
    processing.process_scans(dataclasses.replace(runtime, store=store), ids)
    assert [state for state, _ in states(runtime)] == [ScanState.SUCCEEDED, ScanState.QUEUED]
    assert len(artifacts(runtime.settings.data_dir)) == 3
    processing.process_scans(runtime, ids)
    assert [state for state, _ in states(runtime)] == [ScanState.SUCCEEDED, ScanState.SUCCEEDED]
    assert len(artifacts(runtime.settings.data_dir)) == 6


class _FailingDisk(LocalArtifactStore):
    """Takes every file, and tells at the end that some have not reached the disk."""

    def make_durable(self, keys: Sequence[str]) -> None:
        assert keys
        raise OSError(5, "Input/output error")


def test_what_a_disk_did_not_keep_is_tried_again_and_leaves_no_file(runtime: Runtime) -> None:
    ids = add_scans(runtime, png(1), png(2))
    processing.process_scans(dataclasses.replace(runtime, store=_FailingDisk(runtime.settings.data_dir)), ids)
    assert states(runtime) == [(ScanState.QUEUED, None)] * 2
    assert reasons(runtime) == ["storage_error"] * 2
    assert artifacts(runtime.settings.data_dir) == []
    processing.process_scans(runtime, ids[:1])
    processing.process_scans(runtime, ids[1:])
    assert states(runtime) == [(ScanState.SUCCEEDED, None)] * 2


class _Recording(LocalArtifactStore):
    """Tells which keys were made durable."""

    durable: Sequence[str] = ()

    def make_durable(self, keys: Sequence[str]) -> None:
        super().make_durable(keys)
        self.durable = [*self.durable, *keys]


def waits_for_the_disk(connection: Connection) -> bool:
    """Whether the commit of its transaction will."""
    if connection.dialect.name == "postgresql":
        return connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    full = 2
    return connection.exec_driver_sql("PRAGMA synchronous").scalar() == full


def test_what_a_row_names_is_on_the_disk_before_and_so_is_the_row(runtime: Runtime) -> None:
    store, kept = _Recording(runtime.settings.data_dir), []

    def look(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO predictions"):
            kept.append((set(store.durable), waits_for_the_disk(connection)))

    event.listen(runtime.engine, "before_cursor_execute", look)
    processing.process_scans(dataclasses.replace(runtime, store=store), add_scans(runtime, png(1), png(2)))
    with reading(runtime.engine) as session:
        rows = session.scalars(select(Prediction)).all()
    assert kept == [({path for row in rows for path in (row.heatmap_path, row.grid_path, row.overlay_path)}, True)]


class _Hanging(Pipeline):
    """Is interrupted, as Celery does it to a task whose time is over, while it draws a chunk's first pictures."""

    interrupted = 0

    def render(self, scan: Predicted) -> Explained:
        self.interrupted += 1
        if self.interrupted == 1:
            raise SoftTimeLimitExceeded
        return super().render(scan)


def test_a_chunk_whose_time_is_over_is_given_back_whole(runtime: Runtime) -> None:
    ids = add_scans(runtime, png(1), png(2))
    pipeline = _Hanging(NullModel(read_bundle(runtime.settings.model_dir)), max_pixels=runtime.settings.max_pixels)
    processing.process_scans(dataclasses.replace(runtime, pipeline=pipeline), ids)
    assert states(runtime) == [(ScanState.QUEUED, None)] * 2
    assert reasons(runtime) == ["timed_out"] * 2
    assert pipeline.interrupted == 1, "no other scan is begun"
    assert queued(runtime.engine) == {1: ids}, "each is then tried alone"


class _Counting(NullModel):
    """Tells how many pictures were seen together."""

    together: Sequence[int] = ()

    def infer(self, batch: npt.NDArray[np.float32]) -> Inference:
        self.together = [*self.together, len(batch)]
        return super().infer(batch)


def test_a_chunk_of_more_pixels_than_may_wait_is_worked_on_in_parts(runtime: Runtime) -> None:
    model = _Counting(read_bundle(runtime.settings.model_dir))
    sides_px = [200, 210, 220, 230, 240]
    pipeline = Pipeline(model, max_pixels=runtime.settings.max_pixels, most_pixels_at_once=200**2 + 210**2)
    ids = add_scans(runtime, *(png(1, side_px=side_px) for side_px in sides_px))
    processing.process_scans(dataclasses.replace(runtime, pipeline=pipeline), ids)
    assert model.together == [2, 2, 1]
    assert states(runtime) == [(ScanState.SUCCEEDED, None)] * 5
    with reading(runtime.engine) as session:
        assert session.scalars(select(Event.scan_id).order_by(Event.number)).all() == ids
        results = session.scalars(select(Prediction).order_by(Prediction.scan_id)).all()
    assert [(row.scan_id, row.width) for row in results] == list(zip(ids, sides_px, strict=True))
    assert len(artifacts(runtime.settings.data_dir)) == 3 * len(ids)


class _Cancelling(Pipeline):
    """Somebody cancels the batch while a stage works."""

    engine: Engine
    stage: str

    def predict(self, scans: Sequence[Decoded]) -> list[Predicted | Rejected]:
        self._cancel_in("predict")
        return super().predict(scans)

    def render(self, scan: Predicted) -> Explained:
        self._cancel_in("render")
        return super().render(scan)

    def _cancel_in(self, stage: str) -> None:
        if stage == self.stage:
            with transaction(self.engine) as session:
                session.execute(update(Batch).values(cancel_requested_at=NOW))


def process_cancelling(runtime: Runtime, ids: Sequence[UUID], *, stage: str) -> None:
    pipeline = _Cancelling(NullModel(read_bundle(runtime.settings.model_dir)), max_pixels=runtime.settings.max_pixels)
    pipeline.engine, pipeline.stage = runtime.engine, stage
    processing.process_scans(dataclasses.replace(runtime, pipeline=pipeline), ids)


def test_scans_whose_pictures_are_drawn_when_their_batch_is_cancelled_come_to_their_result(runtime: Runtime) -> None:
    ids = add_scans(runtime, png(1), png(2))
    process_cancelling(runtime, ids, stage="render")
    assert states(runtime) == [(ScanState.SUCCEEDED, None)] * 2


def test_a_cancelled_scan_stops_before_its_pictures(runtime: Runtime) -> None:
    ids = add_scans(runtime, png(1), b"no image")
    process_cancelling(runtime, ids, stage="predict")
    assert states(runtime) == [(ScanState.CANCELLED, None), (ScanState.REJECTED, "not_an_image")]
    assert artifacts(runtime.settings.data_dir) == []
    with reading(runtime.engine) as session:
        assert session.scalars(select(Attempt.outcome).order_by(Attempt.scan_id)).all() == ["cancelled", "rejected"]


def test_a_scan_that_is_turned_away_by_what_the_network_saw_is_rejected(runtime: Runtime) -> None:
    class Wary(Pipeline):
        def predict(self, scans: Sequence[Decoded]) -> list[Predicted | Rejected]:
            return [Rejected("not_a_brain_mri", "no brain"), *super().predict(scans)[1:]]

    pipeline = Wary(NullModel(read_bundle(runtime.settings.model_dir)), max_pixels=runtime.settings.max_pixels)
    processing.process_scans(dataclasses.replace(runtime, pipeline=pipeline), add_scans(runtime, png(1), png(2)))
    assert states(runtime) == [(ScanState.REJECTED, "not_a_brain_mri"), (ScanState.SUCCEEDED, None)]
    assert len(artifacts(runtime.settings.data_dir)) == 3


@pytest.mark.parametrize("commit", [1, 2])
def test_a_commit_whose_answer_was_lost_keeps_claim_and_result(runtime: Runtime, commit: int) -> None:
    """The first commit of a chunk is its claim's and the second its record's."""
    ids = add_scans(runtime, png(1), png(2))
    real, commits = runtime.engine.dialect.do_commit, 0

    def lose_the_answer(connection: object) -> None:
        nonlocal commits
        real(connection)  # type: ignore[arg-type]
        commits += 1
        if commits == commit:
            raise runtime.engine.dialect.dbapi.OperationalError("the connection broke")  # type: ignore[union-attr]

    runtime.engine.dialect.do_commit = lose_the_answer  # type: ignore[method-assign, assignment]
    processing.process_scans(runtime, ids)
    assert [state for state, _ in states(runtime)] == [ScanState.SUCCEEDED] * 2
    with reading(runtime.engine) as session:
        paths = session.scalars(select(Prediction.heatmap_path)).all()
        assert len(session.scalars(select(Attempt)).all()) == 2
    assert all(runtime.store.path(path).is_file() for path in paths)
    assert len(artifacts(runtime.settings.data_dir)) == 6


def test_a_database_that_stays_away_is_not_waited_for_for_ever(engine: Engine) -> None:
    def refuse(*_: object) -> None:
        raise engine.dialect.dbapi.OperationalError("nobody there")  # type: ignore[union-attr]

    event.listen(engine, "do_connect", refuse)
    engine.dispose()
    with pytest.raises(OperationalError):
        patiently(engine, lambda session: session.execute(text("SELECT 1")), within_s=0.5)
    event.remove(engine, "do_connect", refuse)
    assert patiently(engine, lambda session: session.scalar(text("SELECT 1")), within_s=0.5) == 1
