from pathlib import Path

import numpy as np
import pytest

from shared.domain import TumorClass
from tests.unit.inference.test_predict import Limits
from training.data import Slice
from training.evaluate import Scored, log_probabilities, measure, points_at
from worker.inference.predict import classify
from worker.inference.types import Point

TRIANGLE = np.array([[10, 10], [30, 10], [10, 30]], np.float32)


def scored(
    true: TumorClass, said: TumorClass, *, source: str = "figshare", fold: int = 1, in_box: bool | None = None
) -> Scored:
    logits = np.array([3.0 if label is said else 0.0 for label in TumorClass], np.float32)
    item = Slice(path=Path("x"), label=true, source=source, patient="p", fold=fold, outline=None)
    prediction = classify(logits, distance=0, thresholds=Limits(review_below=0.5))
    return Scored(slice=item, prediction=prediction, in_box=in_box, in_outline=in_box)


def test_pointing_tells_the_box_from_the_outline() -> None:
    assert points_at(Point(12, 12), TRIANGLE) == (True, True)
    assert points_at(Point(29, 29), TRIANGLE) == (True, False)
    assert points_at(Point(40, 12), TRIANGLE) == (False, False)


def test_rates_stand_beside_their_number() -> None:
    glioma, healthy = TumorClass.GLIOMA, TumorClass.NOTUMOR
    figures = measure(
        [
            scored(glioma, glioma, in_box=True),
            scored(glioma, healthy, in_box=False, fold=2),
            scored(TumorClass.MENINGIOMA, glioma, source="sartaj"),
            scored(healthy, healthy, source="br35h"),
        ]
    )
    assert figures["accuracy"] == {"value": 0.5, "n": 4}
    assert figures["figshare_tumour_accuracy"] == {"value": 0.5, "n": 2}
    assert figures["tumour_called_healthy"] == {"value": 0.3333, "n": 3}
    assert figures["healthy_called_tumour"] == {"value": 0.0, "n": 1}
    assert figures["peak_in_box"] == {"value": 0.5, "n": 2}
    assert figures["sensitivity"]["pituitary"] == {"value": None, "n": 0}
    assert figures["confusion"]["glioma"]["notumor"] == 1
    assert figures["by_fold"]["1"]["accuracy"]["n"] == 3


def test_log_probabilities_are_logits_up_to_a_constant() -> None:
    (row,) = log_probabilities([scored(TumorClass.GLIOMA, TumorClass.PITUITARY)])
    assert row - row[0] == pytest.approx([0, 0, 3, 0], abs=1e-6)
