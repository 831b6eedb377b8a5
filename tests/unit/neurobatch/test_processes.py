"""Parts that die come back: at once when they were killed, after pauses when they fail by themselves."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from neurobatch.processes import ProcessGroup

_DEADLINE_S = 30.0


@pytest.fixture
def group(tmp_path: Path) -> Iterator[ProcessGroup]:
    group = ProcessGroup(tmp_path, os.environ, logs=tmp_path / "logs")
    yield group
    group.stop()


def tend_until(group: ProcessGroup, condition: object) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        group.tend()
        time.sleep(0.01)


def test_a_part_that_is_killed_is_started_again_however_often(group: ProcessGroup) -> None:
    group.start("part", [sys.executable, "-c", "import time; time.sleep(600)"])
    (part,) = group.parts
    for _ in range(10):
        assert part.process is not None
        killed = part.process
        killed.kill()
        killed.wait()
        tend_until(group, lambda killed=killed: part.process is not killed)
    assert part.deaths == 0
    assert not group.is_failing("part")


def test_a_part_may_fail_for_days(group: ProcessGroup) -> None:
    group.start("part", [sys.executable, "-c", "raise SystemExit(1)"])
    (part,) = group.parts
    part.deaths = 5000
    tend_until(group, lambda: part.restart_at is not None)
    assert part.restart_at is not None
    assert part.restart_at <= time.monotonic() + 5


def test_a_part_that_cannot_be_started_again_keeps_no_other_waiting(group: ProcessGroup, tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_text("#!/bin/sh\nexit 1\n")
    short.chmod(0o755)
    group.start("part", [str(short)])
    (part,) = group.parts
    short.unlink()
    tend_until(group, lambda: part.restart_at is not None and part.restart_at > time.monotonic() + 4)
    assert len(group.parts) == 1


def test_a_part_that_fails_by_itself_is_given_more_and_more_time(group: ProcessGroup) -> None:
    group.start("part", [sys.executable, "-c", "raise SystemExit(1)"])
    tend_until(group, lambda: group.is_failing("part"))
    (part,) = group.parts
    assert part.deaths >= 3
