from collections.abc import Callable
from dataclasses import replace

import pytest

from shared.domain import HEALTHY, TumorClass
from tests.unit.training.synthetic import honest_scores, said
from training.evaluation.calibrate import fit_calibration
from training.evaluation.scores import ScanScore
from training.evaluation.split_figures import record_wise, unseen_sources

CROSS_VALIDATED = honest_scores(600)
GLIOMA = 0
FAR = 1e6


def of_sartaj(answer: Callable[[int, ScanScore], ScanScore]) -> list[ScanScore]:
    table = [score for score in CROSS_VALIDATED if score.source == "sartaj"]
    return [answer(at, score) for at, score in enumerate(table)]


def test_a_tumour_that_is_called_healthy_is_worse_where_nobody_is_asked() -> None:
    def answer(at: int, score: ScanScore) -> ScanScore:
        near = replace(said(score, HEALTHY, logit=60.0), distance=0.0)
        return replace(near, distance=FAR) if at % 2 else near

    table = of_sartaj(answer)
    section = unseen_sources([table], CROSS_VALIDATED)
    unseen = section["sartaj, never seen"]
    noticed = len(table) // 2 / len(table)
    assert unseen["accuracy"]["value"] == 0
    assert unseen["tumour_called_healthy"] == {
        "value": 1.0,
        "n": len(table),
        "interval": pytest.approx([0.9, 1], abs=0.1),
    }
    assert unseen["tumour_called_healthy_without_review"]["value"] == pytest.approx(1 - noticed, abs=1e-4)
    assert unseen["right_or_in_review"]["value"] == pytest.approx(noticed, abs=1e-4)
    assert unseen["healthy_called_tumour"] == {"value": None, "n": 0, "interval": None}
    called = sum(row["notumor"] for row in unseen["confusion_by_class"].values())
    assert called == len(table)
    # Beside it the same scans as the cross-validation has them.
    known = section["sartaj, cross-validated"]
    assert known["accuracy"]["n"] == len(table)
    assert known["accuracy"]["value"] > 0.7


def test_review_of_an_unseen_source_is_calibrated_without_it() -> None:
    """However wrong the cross-validation is about the source itself, none of its thresholds moves."""
    table = of_sartaj(lambda _, score: score)
    absurd = [said(score, HEALTHY) if score.source == "sartaj" else score for score in CROSS_VALIDATED]
    assert fit_calibration(absurd) != fit_calibration(CROSS_VALIDATED)
    one, other = (unseen_sources([table], scores)["sartaj, never seen"] for scores in (CROSS_VALIDATED, absurd))
    assert one == other


def test_pictures_parted_at_random_stand_beside_the_same_scans_by_patient() -> None:
    table = [said(score, list(TumorClass).index(score.label)) for score in CROSS_VALIDATED[::5]]
    section = record_wise(table, CROSS_VALIDATED)
    assert section["parted by picture"]["accuracy"]["value"] == 1
    assert section["parted by patient"]["accuracy"]["value"] < 1
    assert section["parted by patient"]["accuracy"]["n"] == len(table)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="hold 3 sources: br35h, figshare, sartaj"):
        unseen_sources([CROSS_VALIDATED], CROSS_VALIDATED)
    strangers = [replace(score, file=f"other-{score.file}") for score in CROSS_VALIDATED[:3]]
    with pytest.raises(ValueError, match="3 of 3 scans are not in the cross-validation"):
        record_wise(strangers, CROSS_VALIDATED)
