from __future__ import annotations

from benchmarks.slow_requests import slow_table

QUICK = {"requests": 40, "p50_ms": 9.0, "p95_ms": 30.0}
SLOW = {"requests": 6, "p50_ms": 20.18, "p95_ms": 87.11}


def test_what_is_beyond_the_aim_is_told_with_the_number_of_its_requests() -> None:
    reading = {"kinds": {"batches": QUICK, "batches, 200": SLOW}, "with_key": {"kinds": {"batches": SLOW}}}
    assert [*slow_table({"reading": reading})][2:] == [
        "| batches, 200 | no | 6 | 20.2 | 87.1 |",
        "| batches | yes | 6 | 20.2 | 87.1 |",
    ]


def test_the_slowest_are_told_and_the_others_counted() -> None:
    kinds = {f"page {n}": {**SLOW, "p95_ms": 40.0 + n} for n in range(10)}
    rows = [*slow_table({"reading": {"kinds": kinds}})][2:]
    assert (len(rows), rows[0], rows[-1]) == (9, "| page 9 | no | 6 | 20.2 | 49.0 |", "| and 2 more | no | | | |")


def test_where_all_are_quick_there_is_no_table() -> None:
    assert [*slow_table({"reading": {"kinds": {"batches": QUICK}}})] == []
    assert [*slow_table({})] == []
