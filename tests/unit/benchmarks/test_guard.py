from __future__ import annotations

from benchmarks.guard import regressions

ACCEPTED = {"speed": 0.8, "cost": 1.0}
TOLERANCE = {"speed": 0.25, "cost": -0.1}


def test_what_is_within_its_tolerance_passes() -> None:
    assert regressions({"speed": 0.61, "cost": 1.09}, ACCEPTED, TOLERANCE) == []


def test_what_is_worse_is_told_with_its_limit() -> None:
    slower, dearer = regressions({"speed": 0.59, "cost": 1.11}, ACCEPTED, TOLERANCE)
    assert slower == "speed is 0.59; 0.8 was accepted, and 0.6 is the limit"
    assert dearer == "cost is 1.11; 1 was accepted, and 1.1 is the limit"
