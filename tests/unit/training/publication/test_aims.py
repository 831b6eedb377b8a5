"""The table of aims, of the shipped figures and of figures that are made worse."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.settings import Settings
from training.evaluation.report import EVALUATION_FILE
from training.publication.aims import aims_table
from training.publication.strangers import strangers_table

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def evaluation() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Settings().model_dir / EVALUATION_FILE).read_text())
    return found


def row(evaluation: dict[str, Any], aim: str) -> list[str]:
    """The cells of one aim."""
    (found,) = (line for line in aims_table(evaluation, ROOT).splitlines() if line.startswith(f"| {aim} |"))
    return [cell.strip() for cell in found.strip("|").split("|")]


@pytest.mark.parametrize(
    ("value", "verdict"), [(0.9649, "**missed**"), (0.965, "met"), (0.99, "met")], ids=["under", "at", "over"]
)
def test_at_least_is_met_from_the_aim_on(evaluation: dict[str, Any], value: float, verdict: str) -> None:
    evaluation["headline"]["accuracy"] = {"value": value, "n": 100, "interval": None}
    assert row(evaluation, "accuracy, four classes")[1:] == ["at least 96.5%", f"{value:.1%}", "100", verdict]


@pytest.mark.parametrize(("value", "verdict"), [(0.01, "met"), (0.0101, "**missed**")])
def test_at_most_is_met_up_to_the_aim(evaluation: dict[str, Any], value: float, verdict: str) -> None:
    evaluation["headline"]["healthy_called_tumour"]["value"] = value
    assert row(evaluation, "healthy called tumour")[-1] == verdict


def test_what_is_no_share_is_told_in_digits_of_its_own(evaluation: dict[str, Any]) -> None:
    assert row(evaluation, "ECE, 15 bins")[1] == "at most 0.020"
    over = evaluation["heatmaps"]["energy_over_brain_uniform"]["in_box"]
    energy = row(evaluation, "heatmap's energy in the box, times that of a brain-uniform map")
    assert energy[1] == "at least 3"
    assert energy[2].startswith(f"{over['value']:.2f} (")


def test_what_was_not_measured_is_neither_met_nor_missed(evaluation: dict[str, Any]) -> None:
    del evaluation["unseen_sources"]
    assert row(evaluation, "sartaj never seen: right")[1:] == ["at least 65.0%", "–", "", "not measured"]


def test_throughput_is_told_for_every_condition_it_was_measured_in(evaluation: dict[str, Any]) -> None:
    costs = json.loads((ROOT / "models" / "comparison.json").read_text())["costs"]
    ours, theirs = (
        costs[name]["threads"]["1"]["scans_per_s"]["median"] for name in ("cnn-stripped-1", "mobilenetv2-1")
    )
    on_one = row(evaluation, "throughput, times MobileNetV2's: in float32, on 1 thread")
    assert on_one[2:] == [f"{ours / theirs:.2f}", "", "met" if ours >= 2 * theirs else "**missed**"]
    assert sum("throughput" in line for line in aims_table(evaluation, ROOT).splitlines()) == 3


def test_strangers_tell_the_least_that_is_neither_found_nor_in_review(evaluation: dict[str, Any]) -> None:
    planted = evaluation["robustness"]["counterfactuals"]["planted"]
    planted |= {"called_healthy": {"value": 0.5, "n": 10}, "in_review": {"value": 0.2, "n": 10}}
    assert "| planted into healthy heads | 50.0% | at least 30.0% | 20.0% |" in strangers_table(evaluation, ROOT)
