"""Whether figures hold for patients never seen: those of each fold, beside those of all other folds.

To a fold's patients network and calibration are as new as to anybody's who downloads a bundle. A figure holds where
its interval over them reaches what the other folds promise. They are of the same sources: of another hospital it says
nothing.
"""

from __future__ import annotations

from typing import Any

from training.evaluation import figures
from training.evaluation.bootstrap import PatientBootstrap, Statistic, value_of
from training.evaluation.outcomes import Outcomes

_HIGHER_IS_BETTER = {
    "accuracy": True,
    "figshare_tumour_accuracy": True,
    "macro_precision": True,
    "macro_recall": True,
    "sensitivity_meningioma": True,
    "tumour_called_healthy": False,
    "healthy_called_tumour": False,
    "peak_in_box": True,
    "peak_in_outline": True,
    "expected_calibration_error": False,
}

Document = dict[str, Any]


def unseen_patients(outcomes: Outcomes) -> dict[str, dict[str, Document]]:
    """Of each figure and fold: the rate with its interval, the value of the other folds, and whether it is reached.

    Reached is a value that the interval holds, or is wholly better than. `outcomes` has to be of two folds at least,
    each calibrated by the others. A figure that a fold or its others lack is left out there.
    """
    found: dict[str, dict[str, Document]] = {figure: {} for figure in _HIGHER_IS_BETTER}
    for fold in sorted(set(outcomes.folds.tolist())):
        unseen, others = (outcomes.among(inside) for inside in (outcomes.folds == fold, outcomes.folds != fold))
        bootstrap, promised = PatientBootstrap(unseen.patients), _statistics(others)
        for figure, statistic in _statistics(unseen).items():
            if statistic.n and promised[figure].n:
                rate, of_the_others = bootstrap.rate(statistic), round(value_of(promised[figure]), 4)
                reaches = _reaches(rate["interval"], of_the_others, higher=_HIGHER_IS_BETTER[figure])
                found[figure][str(fold)] = {**rate, "of_the_others": of_the_others, "reaches": reaches}
    return {figure: folds for figure, folds in found.items() if folds}


def _statistics(outcomes: Outcomes) -> dict[str, Statistic]:
    known = figures.headline_statistics(outcomes)
    known["sensitivity_meningioma"] = figures.class_statistics(outcomes)["sensitivity"]["meningioma"]
    return {figure: known[figure] for figure in _HIGHER_IS_BETTER}


def _reaches(interval: list[float] | None, promised: float, *, higher: bool) -> bool:
    if interval is None:
        return False
    low, high = interval
    return high >= promised if higher else low <= promised
