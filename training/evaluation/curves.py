"""Figures that are curves: ROC, reliability, and risk over coverage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_curve

from shared.domain import CLASSES
from training.evaluation.bootstrap import IntervalRate, PatientBootstrap
from training.evaluation.figures import COVERAGE, ECE_BINS, confidence_bin
from training.evaluation.outcomes import Outcomes

_POINTS = 80  # of a curve, as many as a plot can show

Real = npt.NDArray[np.float64]


def roc(outcomes: Outcomes, bootstrap: PatientBootstrap) -> dict[str, Any]:
    """One class against the rest by its probability: area under the curve, and the curve's points to plot."""
    areas: dict[str, IntervalRate] = {}
    points: dict[str, list[list[float]]] = {}
    for place, label in enumerate(CLASSES):
        is_it, chance = outcomes.labels == place, outcomes.probabilities[:, place]
        areas[str(label)] = bootstrap.rate_by_weights(_AreaUnderCurve(is_it, chance), n=len(outcomes))
        if is_it.any() and not is_it.all():
            false_alarms, found, _ = roc_curve(is_it, chance)
            # Along the roots, so that most points are kept in the corner where the curve bends.
            along = np.column_stack([np.sqrt(false_alarms), np.sqrt(1 - found)])
            points[str(label)] = _thinned(np.column_stack([false_alarms, found]), along=along)
    return {"area_under_curve": areas, "points": {"axes": ["1 - specificity", "sensitivity"], **points}}


def reliability(outcomes: Outcomes) -> list[dict[str, float | int]]:
    """The bins of the calibration error that hold any scan: how sure the network was, and how often right."""
    which, sure, right = confidence_bin(outcomes.confidence), outcomes.confidence, outcomes.right
    return [
        {
            "from": round(each / ECE_BINS, 4),
            "to": round((each + 1) / ECE_BINS, 4),
            "n": int(np.count_nonzero(which == each)),
            "confidence": round(float(sure[which == each].mean()), 4),
            "accuracy": round(float(right[which == each].mean()), 4),
        }
        for each in range(ECE_BINS)
        if (which == each).any()
    ]


def risk_coverage(outcomes: Outcomes, bootstrap: PatientBootstrap) -> dict[str, Any]:
    """Error rate among the surest scans, over how many of all those are (Geifman & El-Yaniv 2017).

    The area under it, AURC, is the mean error rate over all coverages. The operating point is what is served: all
    scans that are not in review, whatever the reason.
    """
    order = np.argsort(-outcomes.confidence, kind="stable")
    wrong = (~outcomes.right)[order].astype(np.float64)
    risk = np.cumsum(wrong) / np.arange(1, len(wrong) + 1)
    curve = np.column_stack([np.arange(1, len(wrong) + 1) / len(wrong), risk])
    left = ~outcomes.needs_review
    n_left = int(np.count_nonzero(left))
    return {
        "area_under_curve": bootstrap.rate_by_weights(lambda weights: _area(weights[:, order], wrong), n=len(wrong)),
        "accuracy_at_90_coverage": bootstrap.rate_by_weights(
            accuracy_of_the_surest(outcomes), n=int(COVERAGE * len(wrong))
        ),
        "operating_point": {
            "coverage": round(n_left / len(wrong), 4),
            "risk": round(float((~outcomes.right)[left].mean()), 4) if n_left else None,
        },
        "points": {"axes": ["coverage", "risk"], "curve": _thinned(curve, along=curve)},
    }


def accuracy_of_the_surest(outcomes: Outcomes) -> Callable[[Real], Real]:
    """Weights (R, N) of scans -> (R,) shares of right answers among the surest nine tenths."""
    order = np.argsort(-outcomes.confidence, kind="stable")
    right = outcomes.right[order].astype(np.float64)

    def accuracy(weights: Real) -> Real:
        from_the_surest = weights[:, order]
        covered = np.cumsum(from_the_surest, axis=1)
        kept = np.where(covered <= COVERAGE * covered[:, -1:] + 1e-9, from_the_surest, 0)
        return np.asarray((kept * right).sum(axis=1) / kept.sum(axis=1), np.float64)

    return accuracy


class _AreaUnderCurve:
    """Area under the ROC curve with a weight for each scan: the share of pairs in the right order, ties as halves."""

    def __init__(self, is_it: npt.NDArray[np.bool_], chance: Real) -> None:
        self._order = np.argsort(chance, kind="stable")
        ascending = chance[self._order]
        self._positive = is_it[self._order]
        self._below = np.searchsorted(ascending, ascending[self._positive], side="left")
        self._not_above = np.searchsorted(ascending, ascending[self._positive], side="right")

    def __call__(self, weights: Real) -> Real:
        """(R, N) -> (R,)."""
        sorted_weights = weights[:, self._order]
        negative = np.where(self._positive, 0, sorted_weights)
        before = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(negative, axis=1)], axis=1)
        beaten = (before[:, self._below] + before[:, self._not_above]) / 2
        positive = sorted_weights[:, self._positive]
        return np.asarray((positive * beaten).sum(axis=1) / (positive.sum(axis=1) * before[:, -1]), np.float64)


def _area(weights: Real, wrong: Real) -> Real:
    """Weights (R, N) of scans from the surest on -> (R,)."""
    covered = np.cumsum(weights, axis=1)
    risk = np.cumsum(weights * wrong, axis=1) / np.maximum(covered, 1e-12)
    return np.asarray((weights * risk).sum(axis=1) / covered[:, -1], np.float64)


def _thinned(points: Real, *, along: Real) -> list[list[float]]:
    """At most about 80 of a curve's points (M, 2), spread evenly along `along` (M, 2), with its ends."""
    steps = np.abs(np.diff(along, axis=0)).sum(axis=1)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    chosen = np.searchsorted(length, np.linspace(0, length[-1], _POINTS)).clip(0, len(points) - 1)
    kept = sorted({0, len(points) - 1, *chosen.tolist()})
    return [[round(float(x), 4), round(float(y), 4)] for x, y in points[kept]]
