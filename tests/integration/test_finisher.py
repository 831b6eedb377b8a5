"""A chunk is ended, on the disk and in its rows, while its process works on the next one."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError

from shared.artifacts import LocalArtifactStore
from shared.db import queries
from shared.db.models import Attempt, Scan
from shared.db.session import reading, transaction
from shared.domain import ScanState
from shared.settings import Settings
from tests.integration.runtimes import null_runtime
from tests.integration.test_processing import add_scans, png
from worker import patience, processing
from worker.finisher import Finisher
from worker.runtime import Runtime


class SlowDisk(LocalArtifactStore):
    """Whose writes come to the disk when the test says so; or never."""

    fails = False

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.data_dir)
        self.asked, self.may_go_on = threading.Event(), threading.Event()

    def make_durable(self, keys: Sequence[str]) -> None:
        self.asked.set()
        assert self.may_go_on.wait(30)
        if self.fails:
            raise OSError(5, "the disk is broken")
        super().make_durable(keys)


@pytest.fixture
def disk(settings: Settings) -> Iterator[SlowDisk]:
    slow = SlowDisk(settings)
    yield slow
    slow.may_go_on.set()


@pytest.fixture
def runtime(settings: Settings, engine: Engine, disk: SlowDisk) -> Runtime:
    return null_runtime(settings, engine, store=disk)


def states(runtime: Runtime) -> list[ScanState]:
    with reading(runtime.engine) as session:
        return list(session.scalars(select(Scan.state).order_by(Scan.id)))


def test_the_next_chunk_is_worked_on_while_the_last_one_comes_to_the_disk(runtime: Runtime, disk: SlowDisk) -> None:
    first, second = add_scans(runtime, png(1), png(2)), add_scans(runtime, png(3), png(4))
    processing.process_scans(runtime, first, finisher=runtime.finisher)
    assert disk.asked.wait(30)
    working = threading.Thread(
        target=processing.process_scans, args=(runtime, second), kwargs={"finisher": runtime.finisher}
    )
    working.start()
    working.join(2)
    assert working.is_alive(), "a third chunk would be begun with two that are not ended"
    assert states(runtime) == [ScanState.RUNNING] * 4
    disk.may_go_on.set()
    working.join(30)
    runtime.finisher.wait()
    assert states(runtime) == [ScanState.SUCCEEDED] * 4


def test_claims_of_a_chunk_that_cannot_come_to_the_disk_are_given_back(runtime: Runtime, disk: SlowDisk) -> None:
    ids = add_scans(runtime, png(1), png(2))
    disk.fails = True
    disk.may_go_on.set()
    processing.process_scans(runtime, ids, finisher=runtime.finisher)
    runtime.finisher.wait()
    with reading(runtime.engine) as session:
        told = [(each.outcome, each.reason) for each in session.scalars(select(Attempt))]
    assert states(runtime) == [ScanState.QUEUED] * 2
    assert told == [("released", "storage_error")] * 2
    assert not list(runtime.settings.data_dir.glob("artifacts/*/*"))


def test_a_scan_that_is_tried_alone_shares_its_process_with_no_other_claim(runtime: Runtime, disk: SlowDisk) -> None:
    several, alone = add_scans(runtime, png(1), png(2)), add_scans(runtime, png(3))
    processing.process_scans(runtime, several, finisher=runtime.finisher)
    assert disk.asked.wait(30)
    seen: list[list[ScanState]] = []

    class Looks(LocalArtifactStore):
        def write(self, key: str, data: bytes) -> None:
            seen.append(states(runtime))
            super().write(key, data)

    disk.may_go_on.set()
    looking = replace(runtime, store=Looks(runtime.settings.data_dir))
    processing.process_scans(looking, alone, finisher=runtime.finisher)
    assert seen[0] == [ScanState.SUCCEEDED, ScanState.SUCCEEDED, ScanState.RUNNING]
    assert states(runtime)[-1] is ScanState.SUCCEEDED, "recorded before the task ends"


def test_a_claim_is_given_back_where_its_time_ends_while_it_waits_for_the_chunk_before(runtime: Runtime) -> None:
    class NeverDone(Finisher):
        def wait(self) -> None:
            raise SoftTimeLimitExceeded

    ids = add_scans(runtime, png(1))
    processing.process_scans(runtime, ids, finisher=NeverDone())
    assert states(runtime) == [ScanState.QUEUED]


def test_a_claim_whose_answer_was_lost_brings_no_scans_of_the_chunk_before(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, ids = add_scans(runtime, png(1)), add_scans(runtime, png(2), png(3))
    with transaction(runtime.engine) as session:
        queries.claim(session, before, worker=runtime.worker, now=runtime.clock(), lease_s=60)
    lost = iter([True])

    def transaction_whose_answer_is_lost(engine: Engine, **options: bool) -> Iterator[object]:
        with transaction(engine, **options) as session:
            yield session
        if next(lost, False):
            raise OperationalError("COMMIT", None, ConnectionResetError())

    monkeypatch.setattr(patience, "transaction", contextmanager(transaction_whose_answer_is_lost))
    claimed = processing._claim(runtime, ids)
    assert [scan.id for scan in claimed] == sorted(ids)


def test_one_thing_is_ended_after_the_other_and_what_goes_wrong_stays_where_it_was() -> None:
    finisher, done = Finisher(), list[int]()
    finisher.finish(lambda: done.append(1))
    finisher.finish(lambda: done.append(1 // 0))
    finisher.finish(lambda: done.append(3))
    finisher.wait()
    assert done == [1, 3]
