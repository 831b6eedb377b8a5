from pathlib import Path

import numpy as np
import pytest

from shared.domain import TumorClass
from training.data import Slice, load_index
from training.scores import ScanScore
from training.splits import leave_source_out, record_wise
from training.unseen_source import unseen_source_figures

GLIOMA, HEALTHY = TumorClass.GLIOMA, TumorClass.NOTUMOR


def labelled(label: TumorClass, source: str, number: int) -> Slice:
    return Slice(Path(f"{number}.png"), label, source, f"{source}:{number // 4}", number % 5, None)


SLICES = [
    labelled(label, source, number)
    for number in range(20)
    for label, source in ((GLIOMA, "figshare"), (HEALTHY, "br35h"), (HEALTHY, "sartaj"))
]


def test_a_source_left_out_is_tested_on_and_nowhere_else() -> None:
    train, test = leave_source_out(SLICES, "sartaj")
    assert {item.source for item in train} == {"figshare", "br35h"}
    assert {item.source for item in test} == {"sartaj"}
    assert len(train) + len(test) == len(SLICES)


def test_a_source_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="elsewhere"):
        leave_source_out(SLICES, "elsewhere")
    with pytest.raises(ValueError, match="0 slices to train on"):
        leave_source_out(SLICES[:1], "figshare")


def test_record_wise_ignores_patients_but_keeps_the_labels_shares() -> None:
    train, test = record_wise(SLICES, seed=3)
    assert len(test) == 12
    assert sum(item.label is GLIOMA for item in test) == 4
    assert not {id(item) for item in train} & {id(item) for item in test}
    assert {item.patient for item in train} & {item.patient for item in test}


def test_record_wise_is_the_same_for_the_same_seed() -> None:
    again = record_wise(SLICES, seed=3)
    assert record_wise(SLICES, seed=3) == again
    assert record_wise(SLICES, seed=4) != again


def test_record_wise_tears_patients_of_the_real_data(datasets: Path) -> None:
    train, test = record_wise(load_index(datasets), seed=0)
    known = {item.patient for item in train}
    torn = [item.patient in known for item in test if item.source == "figshare"]
    assert np.mean(torn) > 0.95


def said(true: TumorClass, answer: TumorClass) -> ScanScore:
    logits = tuple(2.0 if label is answer else 0.0 for label in TumorClass)
    return ScanScore("a.png", true, "sartaj", "sartaj:1", 0, logits, 0.0, None)


def test_figures_of_an_unseen_source() -> None:
    scores = [said(GLIOMA, GLIOMA), said(GLIOMA, HEALTHY), said(GLIOMA, HEALTHY), said(HEALTHY, GLIOMA)]
    figures = unseen_source_figures(scores, in_review=np.array([False, True, False, False]))
    assert figures["accuracy"] == {"value": 0.25, "n": 4}
    assert figures["tumour_called_healthy"] == {"value": 0.6667, "n": 3}
    assert figures["tumour_called_healthy_unnoticed"] == {"value": 0.3333, "n": 3}
    assert figures["healthy_called_tumour"] == {"value": 1.0, "n": 1}
    assert figures["right_or_in_review"] == {"value": 0.5, "n": 4}
    assert figures["confusion"]["glioma"] == {"glioma": 1, "meningioma": 0, "pituitary": 0, "notumor": 2}
    assert figures["sources"] == ["sartaj"]


def test_without_thresholds_nothing_is_said_of_review() -> None:
    figures = unseen_source_figures([said(GLIOMA, GLIOMA)])
    assert "right_or_in_review" not in figures
    assert "needs_review" not in figures
