import pytest

from tests.unit.training.synthetic import honest_scores
from training.evaluation.calibrate import ERROR_RATE, MOST_OFFSET, fit_calibration
from training.evaluation.where_fitted import where_fitted


def test_a_network_that_errs_little_reaches_what_was_wanted() -> None:
    scores = honest_scores(2000, spread=30)
    reached = where_fitted(scores, fit_calibration(scores))
    assert reached["error_rate_outside_review"]["value"] <= ERROR_RATE
    assert (reached["capped"], reached["bounded"]) == (False, False)


def test_the_cap_and_the_bound_decide_where_a_network_errs_often() -> None:
    scores = honest_scores(2000, spread=2)
    calibration = fit_calibration(scores)
    reached = where_fitted(scores, calibration)
    assert calibration.healthy_offset == pytest.approx(-MOST_OFFSET)
    assert reached["error_rate_outside_review"]["value"] > ERROR_RATE
    assert (reached["capped"], reached["bounded"]) == (True, True)
