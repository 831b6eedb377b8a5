import math
from dataclasses import replace

import numpy as np
import pytest

from shared.domain import TumorClass
from tests.unit.inference.test_predict import Limits
from tests.unit.training.synthetic import honest_scores
from training.evaluation.calibrate import (
    MOST_OFFSET,
    Calibration,
    calibration_of,
    fit_calibration,
    fit_healthy_offset,
    fit_on_other_folds,
    fit_review_threshold,
    fit_temperature,
)
from training.evaluation.outcomes import outcomes_of
from training.evaluation.scores import labels_of, logits_of


@pytest.mark.parametrize("sharpened", [0.4, 1.0, 2.5])
def test_temperature_undoes_what_made_logits_too_sure_or_too_shy(sharpened: float) -> None:
    scores = honest_scores(20_000, spread=2, sharpened=sharpened)
    assert fit_temperature(logits_of(scores), labels_of(scores)) == pytest.approx(sharpened, rel=0.05)


def test_no_more_tumours_than_allowed_are_called_healthy_once_the_offset_is_added() -> None:
    leads = [0.9, 0.55, 0.3, 0.1, *[-2.0] * 996]  # of "no tumour", over the likeliest tumour
    tumours = np.array([[0.0, 0.0, -1.0, lead] for lead in leads])
    healthy = np.array([[0.0, 0.0, 0.0, 4.0]] * 500)
    scaled, labels = np.concatenate([tumours, healthy]), np.array([1] * 1000 + [3] * 500)
    for most, expected in ((0.004, 0.0), (0.003, -0.1), (0.001, -0.55), (0.0, -0.9)):
        offset = fit_healthy_offset(scaled, labels, most=most)
        assert offset == pytest.approx(expected, abs=1e-4)
        called = (scaled + np.array([0, 0, 0, offset])).argmax(axis=1)
        assert (called[labels == 1] == 3).mean() <= most


def test_the_offset_has_a_limit_and_needs_tumours() -> None:
    hopeless, labels = np.array([[0.0, 0.0, 0.0, 9.0]] * 10), np.full(10, 1)
    assert fit_healthy_offset(hopeless, labels, most=0.0) == -MOST_OFFSET
    assert fit_healthy_offset(hopeless, np.full(10, 3), most=0.0) == 0.0


def test_review_threshold_leaves_few_errors_above_it_and_not_too_many_below() -> None:
    confidences = np.linspace(0.3, 1, 1000)
    right = np.ones(1000, bool)
    right[:40] = False
    threshold = fit_review_threshold(confidences, right, error_rate=0.02)
    assert (~right[confidences >= threshold]).mean() <= 0.02
    assert 0.02 < (confidences < threshold).mean() < 0.03
    hopeless = fit_review_threshold(confidences, np.zeros(1000, bool), most_in_review=0.08)
    assert (confidences < hopeless).sum() == 80


def test_no_threshold_is_asked_for_where_nothing_is_wrong() -> None:
    confidences = np.linspace(0.3, 1, 1000)
    assert (confidences < fit_review_threshold(confidences, np.ones(1000, bool))).sum() == 0


def test_the_cap_holds_for_each_group_and_counts_those_in_review_already() -> None:
    confidences = np.linspace(0.3, 1, 1000)
    doubtful, sure = np.arange(1000) < 500, np.arange(1000) >= 500
    already = np.zeros(1000, bool)
    already[100:130] = True
    threshold = fit_review_threshold(
        confidences, np.zeros(1000, bool), already=already, groups=(doubtful, sure), most_in_review=0.1
    )
    in_review = already | (confidences < threshold)
    assert in_review[doubtful].sum() == 50
    assert in_review[sure].sum() == 0


def test_a_group_that_is_over_its_cap_already_gets_no_more_review() -> None:
    confidences = np.linspace(0.3, 1, 100)
    already = np.arange(100) < 20
    assert fit_review_threshold(confidences, np.zeros(100, bool), already=already, most_in_review=0.1) == 0


def test_review_stays_under_its_cap_in_each_source_whatever_the_reason() -> None:
    scores = honest_scores(6000, spread=2)  # wrong far more often than the rate that is wanted
    outcomes = outcomes_of(scores, dict.fromkeys(range(5), fit_calibration(scores)))
    assert 0.01 < outcomes.unlike_training_data.mean() < 0.03
    for source in ("figshare", "br35h"):
        assert outcomes.needs_review[outcomes.sources == source].mean() <= 0.0805
    assert outcomes.needs_review[np.isin(outcomes.sources, ["figshare", "br35h"])].mean() > 0.05


def test_all_scans_are_capped_together_where_no_source_is_known() -> None:
    """The smallest source must not decide for all: one scan in twelve that is far away is more than its share."""
    scores = [replace(score, source="mine") for score in honest_scores(2000, spread=2)]
    scores[-12:] = [replace(score, source="small", distance=1e3) for score in scores[-12:]]
    outcomes = outcomes_of(scores, dict.fromkeys(range(5), fit_calibration(scores)))
    assert 0.07 < outcomes.needs_review.mean() <= 0.0805


def test_a_folds_calibration_does_not_look_at_the_fold() -> None:
    scores = honest_scores(2000, sharpened=2)
    before = fit_on_other_folds(scores)
    lied = [
        replace(score, label=TumorClass.PITUITARY, logits=(0.0, 9.0, 0.0, 0.0), distance=1e6)
        if score.fold == 3
        else score
        for score in scores
    ]
    after = fit_on_other_folds(lied)
    assert after[3] == before[3]
    assert all(after[fold] != before[fold] for fold in (0, 1, 2, 4))


def test_one_fold_alone_cannot_be_calibrated_by_others() -> None:
    with pytest.raises(ValueError, match="others"):
        fit_on_other_folds([score for score in honest_scores(200) if score.fold == 1])


def test_a_bundle_that_knows_no_distance_has_one_reason_for_review() -> None:
    scores = honest_scores(50)
    calibration = calibration_of(Limits(review_below=0.5, review_beyond=math.inf))
    assert not outcomes_of(scores, dict.fromkeys(range(5), calibration)).unlike_training_data.any()


def test_each_reason_for_review_is_told_apart() -> None:
    near, far = replace(honest_scores(1)[0], distance=1.0), replace(honest_scores(1)[0], distance=3.0)
    scores = [replace(near, logits=(9.0, 0, 0, 0)), near, replace(far, logits=(9.0, 0, 0, 0)), replace(far)]
    scores = [replace(score, logits=(0.0, 0, 0, 0)) if at % 2 else score for at, score in enumerate(scores)]
    outcomes = outcomes_of(scores, {0: Calibration(temperature=1, healthy_offset=0, review_below=0.5, review_beyond=2)})
    assert outcomes.low_confidence.tolist() == [False, True, False, True]
    assert outcomes.unlike_training_data.tolist() == [False, False, True, True]
    assert outcomes.needs_review.tolist() == [False, True, True, True]
