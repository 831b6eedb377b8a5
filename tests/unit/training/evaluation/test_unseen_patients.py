"""Each fold beside the others, where it is known which of them is the worse."""

from dataclasses import replace

import pytest

from shared.domain import CLASSES, HEALTHY
from tests.unit.training.synthetic import honest_scores, said
from training.evaluation.calibrate import Calibration
from training.evaluation.outcomes import outcomes_of
from training.evaluation.scores import ScanScore
from training.evaluation.unseen_patients import Document, unseen_patients

PLAIN = Calibration(temperature=1.0, healthy_offset=0.0, review_below=0.0, review_beyond=1e9)


@pytest.fixture(scope="module")
def scores() -> list[ScanScore]:
    return honest_scores(3000)


def judged(scores: list[ScanScore]) -> dict[str, dict[str, Document]]:
    return unseen_patients(outcomes_of(scores, dict.fromkeys(range(5), PLAIN)))


def reaching(found: dict[str, dict[str, Document]], figure: str) -> list[str]:
    return [fold for fold, each in found[figure].items() if each["reaches"]]


def test_folds_of_one_kind_reach_each_other(scores: list[ScanScore]) -> None:
    found = judged(scores)
    reached = [each["reaches"] for folds in found.values() for each in folds.values()]
    assert len(reached) == 10 * 5
    assert sum(reached) >= 0.9 * len(reached)


def test_the_fold_with_more_mistakes_falls_short_and_the_others_do_not(scores: list[ScanScore]) -> None:
    """Being better than the others is no falling short."""
    worse = [
        said(score, (CLASSES.index(score.label) + 1) % len(CLASSES)) if score.fold == 3 and at % 3 == 0 else score
        for at, score in enumerate(scores)
    ]
    found = judged(worse)
    for figure in ("accuracy", "macro_recall", "healthy_called_tumour", "expected_calibration_error"):
        assert "3" not in reaching(found, figure), figure
    assert reaching(found, "accuracy") == ["0", "1", "2", "4"]


def test_the_value_beside_a_fold_is_counted_over_all_others(scores: list[ScanScore]) -> None:
    others = [score for score in scores if score.fold != 2]
    right = outcomes_of(others, dict.fromkeys(range(5), PLAIN)).right
    here = judged(scores)["accuracy"]["2"]
    assert here["of_the_others"] == round(float(right.mean()), 4)
    assert here["n"] == len(scores) - len(others)


def test_what_a_fold_does_not_hold_is_left_out_there(scores: list[ScanScore]) -> None:
    healthy = CLASSES[HEALTHY]
    found = judged([score for score in scores if score.fold or score.label == healthy])
    assert list(found["tumour_called_healthy"]) == ["1", "2", "3", "4"]
    assert list(found["healthy_called_tumour"]) == ["0", "1", "2", "3", "4"]
    without_outlines = judged([replace(score, heatmap=None) for score in scores])
    assert "peak_in_box" not in without_outlines
