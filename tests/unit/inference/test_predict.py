from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import TumorClass
from worker.inference.predict import classify
from worker.inference.types import Prediction

LOGITS = np.array([0.5, 3.0, -1.0, 1.0], np.float32)


@dataclass(frozen=True)
class Limits:
    """Thresholds that ask for nobody unless told otherwise."""

    temperature: float = 1.0
    healthy_offset: float = 0.0
    review_below: float = 0.0
    review_beyond: float = 10.0


def test_the_largest_logit_is_the_label() -> None:
    prediction = classify(LOGITS, distance=1.0, thresholds=Limits(review_below=0.5))
    assert prediction.label is TumorClass.MENINGIOMA
    assert prediction.confidence == prediction.probabilities[TumorClass.MENINGIOMA]
    assert not prediction.needs_review
    assert prediction.review_reasons == ()


def test_a_low_confidence_asks_for_a_person() -> None:
    prediction = classify(LOGITS, distance=1.0, thresholds=Limits(review_below=0.99))
    assert prediction.needs_review
    assert prediction.review_reasons == ("low_confidence",)


def test_a_scan_unlike_the_training_data_asks_for_a_person_however_sure() -> None:
    prediction = classify(LOGITS * 9, distance=10.1, thresholds=Limits(review_below=0.9))
    assert prediction.confidence > 0.99
    assert prediction.review_reasons == ("unlike_training_data",)


def test_both_reasons_are_told() -> None:
    prediction = classify(LOGITS, distance=10.1, thresholds=Limits(review_below=0.99))
    assert prediction.review_reasons == ("low_confidence", "unlike_training_data")


def test_temperature_softens_without_changing_the_label() -> None:
    sharp = classify(LOGITS, distance=1.0, thresholds=Limits())
    soft = classify(LOGITS, distance=1.0, thresholds=Limits(temperature=3.0))
    assert soft.label is sharp.label
    assert soft.confidence < sharp.confidence


def test_an_offset_makes_healthy_less_likely_by_its_odds_and_leaves_the_tumours_beside_each_other() -> None:
    logits = np.array([2.0, 0.0, 0.0, 2.5], np.float32)
    before = classify(logits, distance=1.0, thresholds=Limits(temperature=2.0))
    after = classify(logits, distance=1.0, thresholds=Limits(temperature=2.0, healthy_offset=-0.5))
    assert (before.label, after.label) == (TumorClass.NOTUMOR, TumorClass.GLIOMA)

    def odds(prediction: Prediction, of: TumorClass) -> float:
        return prediction.probabilities[of] / prediction.probabilities[TumorClass.GLIOMA]

    assert odds(after, TumorClass.NOTUMOR) == pytest.approx(odds(before, TumorClass.NOTUMOR) * np.exp(-0.5))
    assert odds(after, TumorClass.PITUITARY) == pytest.approx(odds(before, TumorClass.PITUITARY))


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=4, max_size=4), st.floats(0.05, 20))
def test_probabilities_sum_to_one(logits: list[float], temperature: float) -> None:
    prediction = classify(np.array(logits, np.float32), distance=0, thresholds=Limits(temperature=temperature))
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert all(0 <= share <= 1 for share in prediction.probabilities.values())
    assert set(prediction.probabilities) == set(TumorClass)
