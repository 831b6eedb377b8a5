"""What `make chaos` judges by finds each kind of harm, and nothing where there was none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import UUID

import pytest
from sqlalchemy import Engine, delete, select, update

from chaos.invariants import Verdict, judge
from chaos.poison import POISON_NAME
from shared.db.base import new_id
from shared.db.models import Batch, Event, Prediction, Scan
from shared.db.session import reading, transaction
from shared.domain import ScanState
from shared.settings import Settings
from tests.integration.runtimes import null_runtime
from tests.integration.test_processing import NOW, add_scans, png
from worker import processing
from worker.runtime import Runtime


@pytest.fixture
def runtime(settings: Settings, engine: Engine) -> Runtime:
    """With a batch of two scans that came to their results."""
    runtime = null_runtime(settings, engine)
    processing.process_scans(runtime, add_scans(runtime, png(1), png(2)))
    return runtime


@pytest.fixture
def expected(runtime: Runtime) -> dict[UUID, int]:
    with reading(runtime.engine) as session:
        return {session.scalars(select(Batch.id)).one(): 2}


def verdict(runtime: Runtime, expected: Mapping[UUID, int]) -> Verdict:
    return judge(runtime.engine, runtime.settings.data_dir, expected=expected)


def test_a_service_that_was_not_harmed_is_clean(runtime: Runtime, expected: Mapping[UUID, int]) -> None:
    assert verdict(runtime, expected) == Verdict(lost=0, duplicated=0, orphaned=0)


def test_a_batch_that_is_gone_is_lost(runtime: Runtime, expected: Mapping[UUID, int]) -> None:
    assert verdict(runtime, {**expected, new_id(): 3}) == Verdict(lost=3, duplicated=0, orphaned=0)


def test_a_batch_that_nobody_sent_is_one_too_many(runtime: Runtime, expected: Mapping[UUID, int]) -> None:
    with transaction(runtime.engine) as session:
        session.add(Batch(id=new_id(), details={}, created_at=NOW))
    assert verdict(runtime, expected) == Verdict(lost=0, duplicated=1, orphaned=0)


def test_a_scan_that_nobody_sent_is_one_too_many(runtime: Runtime, expected: Mapping[UUID, int]) -> None:
    sent = {batch_id: scans - 1 for batch_id, scans in expected.items()}
    assert verdict(runtime, sent) == Verdict(lost=0, duplicated=1, orphaned=0)


def remove_scan(runtime: Runtime, scan_id: UUID) -> None:
    with transaction(runtime.engine) as session:
        session.execute(delete(Prediction).where(Prediction.scan_id == scan_id))
        session.execute(delete(Scan).where(Scan.id == scan_id))


def remove_result(runtime: Runtime, scan_id: UUID) -> None:
    with transaction(runtime.engine) as session:
        session.execute(delete(Prediction).where(Prediction.scan_id == scan_id))


def succeed_again(runtime: Runtime, scan_id: UUID) -> None:
    with transaction(runtime.engine) as session:
        (batch_id,) = session.scalars(select(Scan.batch_id).where(Scan.id == scan_id))
        session.add(Event(batch_id=batch_id, number=99, scan_id=scan_id, state=ScanState.SUCCEEDED, at=NOW))


def leave_waiting(runtime: Runtime, scan_id: UUID) -> None:
    remove_result(runtime, scan_id)
    with transaction(runtime.engine) as session:
        session.execute(update(Scan).where(Scan.id == scan_id).values(state=ScanState.QUEUED))


def poison(runtime: Runtime, scan_id: UUID) -> None:
    with transaction(runtime.engine) as session:
        session.execute(update(Scan).where(Scan.id == scan_id).values(filename=f"{POISON_NAME}.png"))


def remove_upload(runtime: Runtime, scan_id: UUID) -> None:
    with reading(runtime.engine) as session:
        (key,) = session.scalars(select(Scan.upload_key).where(Scan.id == scan_id))
    assert key is not None
    runtime.store.path(key).unlink()


def remove_heatmap(runtime: Runtime, scan_id: UUID) -> None:
    with reading(runtime.engine) as session:
        (key,) = session.scalars(select(Prediction.heatmap_path).where(Prediction.scan_id == scan_id))
    runtime.store.path(key).unlink()


def leave_upload(runtime: Runtime, _: UUID) -> None:
    runtime.store.write(f"uploads/{new_id()}/000000", b"x")


def leave_result(runtime: Runtime, scan_id: UUID) -> None:
    runtime.store.write(f"artifacts/{new_id()}/{scan_id}.2.grid.npy", b"x")


def leave_staged(runtime: Runtime, _: UUID) -> None:
    runtime.store.write(f"staging/{new_id()}/000000", b"x")


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (remove_scan, Verdict(lost=1, duplicated=0, orphaned=4)),
        (remove_result, Verdict(lost=0, duplicated=1, orphaned=3)),
        (succeed_again, Verdict(lost=0, duplicated=1, orphaned=0)),
        (leave_waiting, Verdict(lost=1, duplicated=0, orphaned=3)),
        (poison, Verdict(lost=1, duplicated=0, orphaned=0)),
        (remove_upload, Verdict(lost=0, duplicated=0, orphaned=1)),
        (remove_heatmap, Verdict(lost=0, duplicated=0, orphaned=1)),
        (leave_upload, Verdict(lost=0, duplicated=0, orphaned=1)),
        (leave_result, Verdict(lost=0, duplicated=0, orphaned=1)),
        (leave_staged, Verdict(lost=0, duplicated=0, orphaned=1)),
    ],
)
def test_each_harm_is_found(
    runtime: Runtime, expected: Mapping[UUID, int], harm: Callable[[Runtime, UUID], None], found: Verdict
) -> None:
    with reading(runtime.engine) as session:
        (scan_id, _) = session.scalars(select(Scan.id).order_by(Scan.id))
    harm(runtime, scan_id)
    assert verdict(runtime, expected) == found
