"""What doubted labels do to the figures, and that the list names scans of the data set that are labelled healthy."""

from dataclasses import replace

import pytest

from shared.domain import TumorClass
from shared.settings import Settings
from training.dataset.doubted import doubted_labels
from training.evaluation.bootstrap import PatientBootstrap
from training.evaluation.calibrate import Calibration
from training.evaluation.doubted_figures import doubted_figures
from training.evaluation.outcomes import outcomes_of
from training.evaluation.scores import SCORES_FILE, ScanScore, read_scores

SHIPPED = Settings().model_dir / SCORES_FILE


@pytest.fixture(scope="module")
def shipped() -> list[ScanScore]:
    return read_scores(SHIPPED)


def figures(scores: list[ScanScore]) -> dict[str, dict[str, dict[str, float]]]:
    as_it_is = Calibration(temperature=1.0, healthy_offset=0.0, review_below=0.0, review_beyond=float("inf"))
    outcomes = outcomes_of(scores, dict.fromkeys(range(5), as_it_is))
    return doubted_figures(outcomes, PatientBootstrap(outcomes.patients))


def test_every_doubted_scan_is_labelled_healthy(shipped: list[ScanScore]) -> None:
    labels = {score.patient: score.label for score in shipped}
    assert {labels[patient] for patient in doubted_labels()} == {TumorClass.NOTUMOR}


def test_what_is_doubted_is_counted_apart(shipped: list[ScanScore]) -> None:
    name = next(iter(doubted_labels()))
    healthy = next(s for s in shipped if s.label is TumorClass.NOTUMOR and max(s.logits) == s.logits[3])
    tumour = next(s for s in shipped if s.label is TumorClass.GLIOMA and max(s.logits) == s.logits[0])
    found_out = replace(tumour, label=TumorClass.NOTUMOR, patient=name)
    found = figures([healthy, tumour, found_out, replace(healthy, patient=name)])
    assert found["called_a_tumour"] == {name: {"value": 0.5, "n": 2}, "all_of_them": {"value": 0.5, "n": 2}}
    assert (found["without_them"]["accuracy"]["value"], found["without_them"]["accuracy"]["n"]) == (1.0, 2)
    assert (found["without_them"]["healthy_called_tumour"]["value"]) == 0.0


def test_nothing_is_told_where_nothing_is_doubted(shipped: list[ScanScore]) -> None:
    assert figures([score for score in shipped if score.source == "figshare"][:9]) == {}
