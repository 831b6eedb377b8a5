import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import TumorClass
from worker.inference.predict import classify

LOGITS = np.array([0.5, 3.0, -1.0, 1.0], np.float32)


def test_the_largest_logit_is_the_label() -> None:
    prediction = classify(LOGITS, temperature=1.0, review_below=0.5)
    assert prediction.label is TumorClass.MENINGIOMA
    assert prediction.confidence == prediction.probabilities[TumorClass.MENINGIOMA]
    assert not prediction.needs_review
    assert prediction.review_reasons == ()


def test_a_low_confidence_asks_for_a_person() -> None:
    prediction = classify(LOGITS, temperature=1.0, review_below=0.99)
    assert prediction.needs_review
    assert prediction.review_reasons == ("low_confidence",)


def test_temperature_softens_without_changing_the_label() -> None:
    sharp = classify(LOGITS, temperature=1.0, review_below=0)
    soft = classify(LOGITS, temperature=3.0, review_below=0)
    assert soft.label is sharp.label
    assert soft.confidence < sharp.confidence


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=4, max_size=4), st.floats(0.05, 20))
def test_probabilities_sum_to_one(logits: list[float], temperature: float) -> None:
    prediction = classify(np.array(logits, np.float32), temperature=temperature, review_below=0.6)
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert all(0 <= share <= 1 for share in prediction.probabilities.values())
    assert set(prediction.probabilities) == set(TumorClass)
