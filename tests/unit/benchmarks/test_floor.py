"""The floor beside each stage, of a run that measured what it is made of, and of one that did not."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.floor import floor_ms, stage_table


def figure_of(median: float) -> dict[str, Any]:
    return {"median": median, "low": 0.9 * median, "high": 1.1 * median, "unit": "ms", "repetitions": 3}


MACHINE = {"clock_ghz": 2.5, "multiplies_bfloat16": True}
STAGES = {"decode_ms": figure_of(0.7), "predict_ms": figure_of(2.2)}
RUN = {"stages": {**STAGES, "bare": {"decode": figure_of(0.5)}, "network_macs": 160_000_000}, "machine": MACHINE}


def test_the_networks_floor_is_of_its_operations_and_that_of_pictures_the_fastest_time_of_the_library() -> None:
    assert floor_ms(RUN) == {"decode": pytest.approx(0.45), "predict": pytest.approx(1.0)}


def test_all_floors_are_told_with_their_sum() -> None:
    assert [*stage_table(RUN)][2:] == [
        "| decode | 0.7 | 0.63 to 0.77 | 0.45 |",
        "| predict | 2.2 | 1.98 to 2.42 | 1 |",
        "| together | 2.9 | | 1.4 |",
    ]


@pytest.mark.parametrize("lacks", [{"clock_ghz": 0.0}, {"multiplies_bfloat16": False}])
def test_the_networks_floor_is_not_told_of_another_processor(lacks: dict[str, Any]) -> None:
    assert "predict" not in floor_ms(RUN | {"machine": MACHINE | lacks})


def test_a_run_of_before_has_no_floor() -> None:
    assert floor_ms({"stages": STAGES, "machine": {}}) == {}
    assert [*stage_table({"stages": STAGES, "machine": {}})][2:] == [
        "| decode | 0.7 | 0.63 to 0.77 |  |",
        "| predict | 2.2 | 1.98 to 2.42 |  |",
    ]
