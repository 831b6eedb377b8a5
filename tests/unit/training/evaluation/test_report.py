import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss, precision_score, recall_score, roc_auc_score

from shared.domain import CLASSES
from tests.unit.training.synthetic import heatmap, honest_scores, said
from training.evaluation.calibrate import Calibration
from training.evaluation.outcomes import outcomes_of
from training.evaluation.report import COMPUTED, evaluate_bundle, evaluate_out_of_fold, headline, write_document
from training.evaluation.scores import ScanScore

PLAIN = Calibration(temperature=1.0, healthy_offset=0.0, review_below=0.0, review_beyond=1e9)
GLIOMA, MENINGIOMA, PITUITARY, HEALTHY = range(4)


def evaluated(scores: list[ScanScore], calibration: Calibration = PLAIN) -> dict[str, Any]:
    return evaluate_bundle(
        scores, model="tried", calibration=calibration, command="neurobatch evaluate --fold 0", how="-"
    )


def called(*pairs: tuple[int, int]) -> list[ScanScore]:
    """A scan of its own patient for each (true, said)."""
    (scan,) = honest_scores(1)
    sources = {HEALTHY: "br35h"}
    return [
        replace(
            said(scan, answer),
            label=CLASSES[true],
            source=sources.get(true, "figshare"),
            patient=str(at),
            fold=at % 5,
            heatmap=None,
        )
        for at, (true, answer) in enumerate(pairs)
    ]


@pytest.fixture(scope="module")
def honest() -> list[ScanScore]:
    return honest_scores(3000)


@pytest.fixture(scope="module")
def honest_evaluation(honest: list[ScanScore]) -> dict[str, Any]:
    return evaluated(honest)


def test_rates_are_counted_by_hand() -> None:
    found = evaluated(
        called(
            (GLIOMA, GLIOMA), (GLIOMA, HEALTHY), (MENINGIOMA, GLIOMA), (PITUITARY, PITUITARY),
            (HEALTHY, HEALTHY), (HEALTHY, HEALTHY), (HEALTHY, MENINGIOMA), (HEALTHY, HEALTHY),
        )
    )  # fmt: skip
    first = found["headline"]
    assert (first["accuracy"]["value"], first["accuracy"]["n"]) == (0.625, 8)
    assert (first["figshare_tumour_accuracy"]["value"], first["figshare_tumour_accuracy"]["n"]) == (0.5, 4)
    assert (first["tumour_called_healthy"]["value"], first["tumour_called_healthy"]["n"]) == (0.25, 4)
    assert (first["healthy_called_tumour"]["value"], first["healthy_called_tumour"]["n"]) == (0.25, 4)
    assert found["by_class"]["sensitivity"]["glioma"]["value"] == 0.5
    assert found["by_class"]["precision"]["glioma"]["value"] == 0.5
    assert found["by_class"]["specificity"]["glioma"]["value"] == round(5 / 6, 4)
    assert found["by_class"]["sensitivity"]["meningioma"]["value"] == 0.0
    assert found["confusion"]["glioma"] == {"glioma": 1, "meningioma": 0, "pituitary": 0, "notumor": 1}
    assert found["by_source"]["br35h"]["accuracy"]["value"] == 0.75
    assert found["by_fold"]["0"]["accuracy"]["n"] == 2
    assert first["peak_in_box"] == {"value": None, "n": 0, "interval": None}
    assert found["heatmaps"]["by_size"] == {}


def test_figures_are_those_of_scikit_learn(honest: list[ScanScore], honest_evaluation: dict[str, Any]) -> None:
    outcomes = outcomes_of(honest, dict.fromkeys(range(5), PLAIN))
    truth, answers, chances = outcomes.labels, outcomes.predicted, outcomes.probabilities
    expected = {
        "macro_precision": precision_score(truth, answers, average="macro"),
        "macro_recall": recall_score(truth, answers, average="macro"),
        "macro_f1": f1_score(truth, answers, average="macro"),
        "negative_log_likelihood": log_loss(truth, chances),
        "brier_score": ((chances - np.eye(4)[truth]) ** 2).sum(axis=1).mean(),
    }
    for name, value in expected.items():
        assert honest_evaluation["headline"][name]["value"] == pytest.approx(value, abs=1e-4)
    for place, label in enumerate(CLASSES):
        area = honest_evaluation["by_class"]["area_under_roc_curve"][str(label)]
        assert area["value"] == pytest.approx(roc_auc_score(truth == place, chances[:, place]), abs=1e-4)
        assert area["interval"][0] < area["value"] < area["interval"][1]


def test_equal_chances_count_as_half_in_the_area_under_the_curve() -> None:
    scores = [replace(score, logits=(0.0, 0.0, 0.0, 0.0)) for score in honest_scores(100)]
    areas = evaluated(scores)["by_class"]["area_under_roc_curve"]
    assert {area["value"] for area in areas.values()} == {0.5}


def test_honest_probabilities_are_found_calibrated_and_boastful_ones_not(honest_evaluation: dict[str, Any]) -> None:
    error = honest_evaluation["headline"]["expected_calibration_error"]
    assert error["value"] < 0.02
    boastful = evaluated(honest_scores(3000, sharpened=3))["headline"]["expected_calibration_error"]
    assert boastful["interval"][0] > error["interval"][1]
    for each in honest_evaluation["reliability"]:
        assert each["from"] <= each["confidence"] <= each["to"]
        assert abs(each["confidence"] - each["accuracy"]) < 4 * np.sqrt(0.25 / each["n"])


def test_cross_validation_mends_boastful_logits() -> None:
    found = evaluate_out_of_fold(honest_scores(3000, sharpened=3), model="tried", command="-")
    assert found["calibration"]["bundle"]["temperature"] == pytest.approx(3, rel=0.1)
    assert set(found["calibration"]["by_fold"]) == {"0", "1", "2", "3", "4"}
    assert set(found["unseen_patients"]["accuracy"]) == {"0", "1", "2", "3", "4"}
    assert found["headline"]["expected_calibration_error"]["value"] < 0.02
    assert found["headline"]["in_review"]["value"] <= 0.09


def test_risk_over_coverage_by_hand() -> None:
    # Confidence falls from scan to scan; the third and the last are wrong.
    scans = called((GLIOMA, GLIOMA), (GLIOMA, GLIOMA), (GLIOMA, MENINGIOMA), (GLIOMA, GLIOMA), (GLIOMA, PITUITARY))
    scans = [
        replace(said(scan, answer, logit=9.0 - at), label=CLASSES[GLIOMA])
        for at, (scan, answer) in enumerate(zip(scans, (GLIOMA, GLIOMA, MENINGIOMA, GLIOMA, PITUITARY), strict=True))
    ]
    review = Calibration(
        temperature=1.0, healthy_offset=0.0, review_below=0.985, review_beyond=1e9
    )  # of logit 6 it is 0.993, of 5 0.98
    found = evaluated(scans, review)
    risk = found["risk_coverage"]
    assert [point[1] for point in risk["points"]["curve"]] == [0, 0, 0.3333, 0.25, 0.4]
    assert risk["area_under_curve"]["value"] == round((1 / 3 + 1 / 4 + 2 / 5) / 5, 4)
    assert risk["accuracy_at_90_coverage"]["value"] == 0.75
    assert risk["operating_point"] == {"coverage": 0.8, "risk": 0.25}
    assert found["review"]["errors_caught"]["value"] == 0.5
    assert found["review"]["error_rate_outside"]["value"] == 0.25
    assert found["review"]["error_rate_inside"]["value"] == 1.0


def test_heatmaps_are_measured_on_outlined_tumours_by_size() -> None:
    rng = np.random.default_rng(0)
    scans = [
        replace(scan, heatmap=replace(heatmap(rng), area=0.01 * (1 + at), peak_in_box=float(at >= 2)))
        for at, scan in enumerate(called(*[(GLIOMA, GLIOMA)] * 6))
    ]
    found = evaluated(scans)["heatmaps"]
    assert found["of"] == "the predicted class, on figshare tumours"
    assert found["network"]["peak_in_box"]["n"] == 6
    assert found["network"]["peak_in_box"]["value"] == round(4 / 6, 4)
    assert [size["peak_in_box"]["value"] for size in found["by_size"].values()] == [0.0, 1.0, 1.0]
    assert [size["peak_in_box"]["n"] for size in found["by_size"].values()] == [2, 2, 2]
    assert found["baselines"]["brain_uniform"]["in_box"]["value"] == 0.06
    assert [rates["iou"]["value"] for rates in found["baselines"].values()] == [0.05, 0.04, 0.02]
    of_the_small = found["by_size"]["small"]["baselines"]["brain_uniform"]
    assert (of_the_small["in_box"]["value"], of_the_small["in_box"]["n"]) == (0.06, 2)
    assert found["energy_over_brain_uniform"]["in_box"]["value"] == pytest.approx(5)
    of_ones_own = replace(scans[0], source="own", patient="other")
    with_it = evaluated([*scans, of_ones_own])["heatmaps"]
    assert with_it["network"]["peak_in_box"]["n"] == 7
    assert with_it["of"] == "the predicted class, on outlined tumours"


def test_the_document_is_plain_json_with_known_sections(honest_evaluation: dict[str, Any], tmp_path: Path) -> None:
    write_document(tmp_path / "deep" / "evaluation.json", honest_evaluation)
    text = (tmp_path / "deep" / "evaluation.json").read_text()
    assert json.loads(text) == honest_evaluation
    assert '"interval": [0.' in text  # on one line
    assert set(honest_evaluation) == COMPUTED - {"training", "unseen_patients"}  # of a cross-validation alone


def test_curves_are_short_and_keep_their_ends(honest_evaluation: dict[str, Any]) -> None:
    for points in (honest_evaluation["roc"]["glioma"], honest_evaluation["risk_coverage"]["points"]["curve"]):
        assert 20 < len(points) <= 82
    assert honest_evaluation["roc"]["glioma"][0] == [0, 0]
    assert honest_evaluation["roc"]["glioma"][-1] == [1, 1]
    assert honest_evaluation["risk_coverage"]["points"]["curve"][-1][0] == 1


def test_the_headline_is_the_documents(honest_evaluation: dict[str, Any]) -> None:
    assert headline(honest_evaluation)["figures"] is honest_evaluation["headline"]
    assert headline(honest_evaluation)["measured"]["scans"]["br35h"] > 100
