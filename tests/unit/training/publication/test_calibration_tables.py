import json
from typing import Any

import pytest

from tests.unit.training.synthetic import honest_scores
from training.evaluation.report import evaluate_out_of_fold
from training.publication.calibration_tables import calibration_table, wanted_table


@pytest.fixture(scope="module")
def evaluation() -> dict[str, Any]:
    return evaluate_out_of_fold(honest_scores(1000, spread=2), model="tried-1", command="-")


def test_what_decided_stands_beside_what_was_wanted_and_reached(evaluation: dict[str, Any]) -> None:
    wrong, missed, *in_review = wanted_table(evaluation).splitlines()[2:]
    outside = evaluation["headline"]["error_rate_outside_review"]["value"]
    assert wrong.startswith(f"| wrong among those not in review | 2.00% | {outside:.1%} (")
    assert wrong.endswith("| the cap on the share in review: the bundle and 5 of 5 folds |")
    assert missed.startswith("| tumour called healthy | 0.35% |")
    assert missed.endswith("| the bound of what is added (-1): the bundle and 5 of 5 folds |")
    assert [line.split(" | ")[0] for line in in_review] == ["| in review, figshare", "| in review, br35h"]


def test_where_no_limit_decided_it_was_what_was_wanted(evaluation: dict[str, Any]) -> None:
    easy = json.loads(json.dumps(evaluation))
    fitted = easy["calibration"]["where_fitted"]
    for each in (fitted["bundle"], *fitted["by_fold"].values()):
        each |= {"capped": False, "bounded": False}
    assert "| what was wanted |" in wanted_table(easy).splitlines()[2]
    fitted["by_fold"]["3"]["capped"] = True
    assert "| the cap on the share in review: 1 of 5 folds |" in wanted_table(easy).splitlines()[2]
    folds = calibration_table(easy).splitlines()
    assert folds[2].endswith("| tumours called healthy | the error rate |")
    assert folds[6].endswith("| tumours called healthy | the cap |")


def test_of_a_bundle_as_it_is_served_nothing_is_told_of_how_it_was_fitted(evaluation: dict[str, Any]) -> None:
    served = {"calibration": {"how": "as served", "bundle": evaluation["calibration"]["bundle"]}}
    assert calibration_table(served).splitlines()[0].endswith("review: distance beyond |")
