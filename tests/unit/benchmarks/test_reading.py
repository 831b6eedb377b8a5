"""What the reading benchmark is made of, without a database."""

from __future__ import annotations

from collections import Counter

from benchmarks.reading import percentile
from benchmarks.stored_scans import PROJECTS, plan_batches


def test_a_percentile_is_a_measured_value_that_so_many_stay_within() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, percent) for percent in (1, 50, 95, 100)] == [1.0, 50.0, 95.0, 100.0]
    assert percentile([3.0], 95) == 3.0
    assert percentile([1.0, 2.0, 3.0], 50) == 2.0


def test_the_plan_holds_the_scans_that_were_asked_for() -> None:
    batches = plan_batches(1_000_000)
    assert Counter(batch.scans for batch in batches) == {10_000: 60, 1_000: 350, 100: 500}
    assert {batch.project for batch in batches} == set(PROJECTS)
    assert sorted(batch.scans for batch in batches if batch.running) == [1_000, 10_000]
    assert [batch.id for batch in batches] == sorted(batch.id for batch in batches)
    assert plan_batches(1_000_000) == batches
