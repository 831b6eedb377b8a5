"""A batch is looked at rarely while much is left of it, and often only towards its end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from neurobatch.documents import Batch
from neurobatch.waiting import Pace

MOST_S = 0.5


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


def looks_until(end_s: float, done_at: Callable[[float], int], *, total: int) -> list[float]:
    """When a client looks that waits for so long, of a batch of which so many are done at each time."""
    pace, looks = Pace(), [0.0]
    while looks[-1] < end_s:
        pause_s = pace.pause_s(batch(done=done_at(looks[-1]), total=total), waited_s=looks[-1])
        looks.append(looks[-1] + min(MOST_S, pause_s))
    return looks


def test_a_quarter_of_what_is_left_at_the_pace_so_far() -> None:
    pace = Pace()
    pace.pause_s(batch(done=0, total=1000), waited_s=0)
    assert pace.pause_s(batch(done=100, total=1000), waited_s=10) == pytest.approx(22.5)
    assert pace.pause_s(batch(done=500, total=1000), waited_s=40) == pytest.approx(10)
    assert pace.pause_s(batch(done=999, total=1000), waited_s=80) == 0.05


def test_what_was_done_before_the_wait_is_not_its_pace() -> None:
    pace = Pace()
    pace.pause_s(batch(done=900, total=1000), waited_s=0)
    assert pace.pause_s(batch(done=910, total=1000), waited_s=10) == pytest.approx(90 / 4)


def test_a_minute_of_steady_work_takes_few_looks_and_its_end_is_seen_within_a_twentieth_of_a_second() -> None:
    looks = looks_until(60, lambda now: int(now / 60 * 10_000), total=10_000)
    assert len(looks) < 160
    assert looks[-1] < 60.05


def test_a_straggler_is_not_looked_at_all_the_time() -> None:
    looks = looks_until(600, lambda now: min(9_999, int(now / 60 * 10_000)), total=10_000)
    assert len(looks) < 600 / MOST_S + 100
