"""A worker that is slow keeps its scans, on a clock that runs ahead only when its lease was renewed."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, event, select

from chaos.null_model import NullModel
from shared.db.models import Attempt, Scan
from shared.db.session import reading
from shared.domain import ScanState
from shared.settings import Settings
from tests.e2e.running import wait_until
from tests.integration.runtimes import null_runtime
from tests.integration.test_processing import NOW, add_scans, png, states
from worker import processing
from worker.inference.bundle import read_bundle
from worker.inference.pipeline import Pipeline
from worker.inference.types import Explained, Predicted
from worker.reconciler import Reconciler
from worker.runtime import Runtime

_LEASES = 3


class _Slow(Pipeline):
    """Takes several leases to draw, while a reconciler looks on."""

    runtime: Runtime

    def __init__(self, settings: Settings) -> None:
        super().__init__(NullModel(read_bundle(settings.model_dir)), max_pixels=settings.max_pixels)
        self.now = NOW
        self.taken = 0

    def clock(self) -> datetime:
        return self.now

    def render(self, scan: Predicted) -> Explained:
        with closing(Reconciler(self.runtime.settings, self.runtime.engine, clock=self.clock, silence_s=0)) as looker:
            for _ in range(_LEASES):
                self.now += timedelta(seconds=0.9 * self.runtime.settings.lease_s)
                wait_until(self._is_renewed, within_s=30)
                self.taken += looker.release_lost()
        return super().render(scan)

    def _is_renewed(self) -> bool:
        with reading(self.runtime.engine) as session:
            until = session.scalars(select(Scan.lease_until)).one()
        return until is not None and until >= self.now + timedelta(seconds=self.runtime.settings.lease_s)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"lease_s": 0.3})


@pytest.fixture
def slow(settings: Settings, engine: Engine) -> _Slow:
    pipeline = _Slow(settings)
    pipeline.runtime = null_runtime(settings, engine, pipeline=pipeline, clock=pipeline.clock)
    return pipeline


def assert_one_attempt_succeeded(slow: _Slow) -> None:
    assert slow.taken == 0
    assert states(slow.runtime) == [(ScanState.SUCCEEDED, None)]
    with reading(slow.runtime.engine) as session:
        assert session.scalars(select(Attempt.outcome)).all() == ["succeeded"]


def test_a_worker_that_takes_several_leases_keeps_its_scan(slow: _Slow) -> None:
    processing.process_scans(slow.runtime, add_scans(slow.runtime, png(1)))
    assert_one_attempt_succeeded(slow)


def test_a_lease_that_could_not_be_renewed_once_is_renewed_the_next_time(slow: _Slow) -> None:
    failures = 0

    def fail_once(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal failures
        if statement.startswith("UPDATE scans SET lease_until") and not failures:
            failures += 1
            raise slow.runtime.engine.dialect.dbapi.OperationalError("away")  # type: ignore[union-attr]

    event.listen(slow.runtime.engine, "before_cursor_execute", fail_once)
    processing.process_scans(slow.runtime, add_scans(slow.runtime, png(1)))
    assert failures == 1
    assert_one_attempt_succeeded(slow)
