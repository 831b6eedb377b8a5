"""A batch is looked at rarely while much is left of it, and often towards its end."""

from __future__ import annotations

import pytest

from neurobatch.documents import Batch
from neurobatch.waiting import pause_s


def batch(*, done: int, total: int) -> Batch:
    return Batch(
        id="b",
        name=None,
        state="running",
        total=total,
        counts={"queued": total - done, "running": 0, "succeeded": done, "rejected": 0, "failed": 0, "cancelled": 0},
        metadata={},
        created_at="2026-01-01T00:00:00Z",
        started_at=None,
        finished_at=None,
        expires_at=None,
    )


@pytest.mark.parametrize(
    ("done", "waited_s", "expected"),
    [(0, 0.0, 0.05), (0, 8.0, 2.0), (100, 10.0, 22.5), (500, 40.0, 10.0), (999, 80.0, 0.05), (1000, 80.0, 0.05)],
)
def test_a_quarter_of_what_is_left(done: int, waited_s: float, expected: float) -> None:
    assert pause_s(batch(done=done, total=1000), waited_s=waited_s) == pytest.approx(expected)


def test_a_minute_of_steady_work_takes_few_looks_and_ends_within_a_twentieth_of_a_second() -> None:
    now, looks = 0.0, 0
    while now < 60:
        now += min(1.0, pause_s(batch(done=int(now / 60 * 10_000), total=10_000), waited_s=now))
        looks += 1
    assert looks < 100
    assert now < 60.05
