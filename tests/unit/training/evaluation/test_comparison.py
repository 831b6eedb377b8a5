import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from shared.domain import CLASSES, HEALTHY, TumorClass
from tests.unit.training.synthetic import honest_scores, said
from training.evaluation.bootstrap import PatientBootstrap, mean_of
from training.evaluation.comparison import PatientSwaps, compare
from training.evaluation.scores import ScanScore
from training.publication.comparison_tables import comparison_table, difference_table

TIMES = {
    "latency_ms": {"median": 12.34, "low": 11, "high": 14},
    "scans_per_s": {"median": 110, "low": 100, "high": 120},
    "peak_memory_mb": 700,
}
COST = {
    "input_px": 160,
    "parameters": 1_000,
    "macs": None,
    "size_bytes": 4_000,
    "training_minutes": 31.5,
    "threads": {"1": TIMES, "2": TIMES},
}


def worse(scores: list[ScanScore], *, every: int) -> list[ScanScore]:
    """The same network, but each scan of every n-th patient is called healthy."""
    return [
        said(score, HEALTHY) if int(score.patient.removeprefix("patient-")) % every == 0 else score for score in scores
    ]


def test_a_network_does_not_differ_from_itself() -> None:
    scores = honest_scores(600)
    found = compare({"one": scores, "other": scores[::-1]}, {})["differences"][0]
    assert (found["of"], found["less"]) == ("one", "other")
    for name, difference in found["figures"].items():
        assert difference["value"] == 0
        assert difference["interval"] == [0, 0]
        assert difference["p"] == (1 if name != "accuracy_at_90_coverage" else None)  # no sums to swap


def test_a_worse_network_is_found_out_with_its_sign() -> None:
    scores = honest_scores(1000)
    comparison = compare({"good": scores, "bad": worse(scores, every=10)}, {"bad": COST})
    figures = comparison["differences"][0]["figures"]
    for name in ("accuracy", "macro_recall", "macro_precision"):
        assert figures[name]["value"] > 0.02
        assert figures[name]["interval"][0] > 0
        assert figures[name]["p"] < 0.01
    assert figures["accuracy_at_90_coverage"]["interval"][0] > 0
    assert figures["tumour_called_healthy"]["value"] < 0
    assert figures["peak_in_box"]["value"] == 0
    table = comparison_table(comparison)
    (accuracy,) = (line for line in table.splitlines() if line.startswith("| accuracy, four"))
    assert accuracy.count("**") == 2
    assert accuracy.index("**") < accuracy.index(f"{comparison['figures']['accuracy']['bad']['value']:.1%}")
    (missed,) = (line for line in table.splitlines() if line.startswith("| tumour called healthy |"))
    assert missed.split(" | ")[1].startswith("**")  # less of it is better
    assert "| parameters | – | 1,000 |" in table
    assert "| latency in ms, on 1 thread | – | 12.3 (11–14) |" in table
    assert "| peak memory in MB, on 2 threads | – | 700 |" in table
    differences = difference_table(comparison)
    assert "good less bad" in differences
    (surest,) = (line for line in differences.splitlines() if line.startswith("| accuracy of the surest"))
    assert ", p" not in surest


def test_p_is_that_of_all_ways_to_swap_patients() -> None:
    rng = np.random.default_rng(4)
    patients = np.repeat(np.arange(8), 4).astype(str)
    ours, theirs = rng.random(32) < 0.8, rng.random(32) < 0.55
    everyone = np.ones(32, bool)
    bootstrap = PatientBootstrap(patients)
    p = PatientSwaps(8).p_value(mean_of(ours, everyone), mean_of(theirs, everyone), bootstrap)
    gains = (ours.astype(int) - theirs).reshape(8, 4).sum(axis=1)
    flipped = [abs(np.dot(signs, gains)) for signs in itertools.product((-1, 1), repeat=8)]
    assert p == pytest.approx(np.mean(np.array(flipped) >= abs(gains.sum())), abs=0.02)


def test_two_lucky_patients_of_many_slices_are_no_proof() -> None:
    # 60 slices better, but all of two patients: over scans that would be certain.
    patients = np.repeat(np.arange(20), 30).astype(str)
    everyone = np.ones(600, bool)
    ours = mean_of(np.arange(600) >= 0, everyone)
    theirs = mean_of(np.arange(600) >= 60, everyone)
    assert PatientSwaps(20).p_value(ours, theirs, PatientBootstrap(patients)) > 0.3


def test_tables_of_other_scans_cannot_be_paired() -> None:
    scores = honest_scores(200)
    with pytest.raises(ValueError, match="other: other scans"):
        compare({"one": scores, "other": scores[:-1]}, {})
    moved = [replace(score, fold=(score.fold + 1) % 5) for score in scores]
    with pytest.raises(ValueError, match="cannot be paired"):
        compare({"one": scores, "other": moved}, {})
    relabelled = [replace(scores[0], label=TumorClass(CLASSES[(CLASSES.index(scores[0].label) + 1) % 4])), *scores[1:]]
    with pytest.raises(ValueError, match="cannot be paired"):
        compare({"one": scores, "other": relabelled}, {})
    with pytest.raises(ValueError, match="two tables"):
        compare({"one": scores}, {})


def test_three_networks_make_three_pairs() -> None:
    scores = honest_scores(300)
    comparison = compare(dict.fromkeys("abc", scores), {})
    assert [(pair["of"], pair["less"]) for pair in comparison["differences"]] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert comparison_table(comparison).splitlines()[0] == "| figure | a | b | c |"


def test_the_least_cost_is_marked_and_a_pupil_s_minutes_count_its_teachers() -> None:
    scores = honest_scores(300)
    quick = {
        **COST,
        "parameters": 2_000,
        "threads": {"1": {**TIMES, "scans_per_s": {"median": 220, "low": 1, "high": 9}}},
    }
    costs: dict[str, Any] = {
        "pupil-1": {**quick, "teacher": "master"},
        "master-1": {**COST, "teacher": ""},
        "other": COST,
    }
    lines = comparison_table(compare(dict.fromkeys(costs, scores), costs)).splitlines()
    assert "| parameters | 2,000 | **1,000** | **1,000** |" in lines
    assert "| input side in px | 160 | 160 | 160 |" in lines
    assert "| scans/s in batches, on 1 thread | **220 (1–9)** | 110 (100–120) | 110 (100–120) |" in lines
    assert "| training in minutes, with its teacher's | 63 | **31.5** | **31.5** |" in lines
    unknown: dict[str, Any] = {"pupil-1": costs["pupil-1"], "other": COST}
    lines = comparison_table(compare(dict.fromkeys(unknown, scores), unknown)).splitlines()
    assert "| training in minutes, with its teacher's | – | 31.5 |" in lines


def test_the_interval_of_a_difference_of_calibration_is_not_drawn_towards_zero() -> None:
    """The noise of a resample raises the better calibrated network's error more than the other's."""
    honest = honest_scores(1200)
    # Sure of what it says where it is not, and unsure where it might be: no temperature mends both.
    hedging = [
        replace(score, logits=tuple(np.asarray(score.logits) * (3 if max(score.logits) < 4 else 0.4)))
        for score in honest
    ]
    difference = compare({"honest": honest, "hedging": hedging}, {})["differences"][0]["figures"]
    error = difference["expected_calibration_error"]
    low, high = error["interval"]
    assert low < error["value"] < high < 0
    assert error["value"] == pytest.approx((low + high) / 2, abs=(high - low) / 20)
