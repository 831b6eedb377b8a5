"""The figures that a network is judged by, each defined once: report, comparison and card take them from here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from shared.domain import CLASSES, HEALTHY
from training.evaluation.bootstrap import Statistic, mean_of
from training.evaluation.outcomes import Outcomes

ECE_BINS = 15
COVERAGE = 0.9

Real = npt.NDArray[np.float64]


def headline_statistics(outcomes: Outcomes) -> dict[str, Statistic]:
    """What is said of a network first. The heatmap's are those of the predicted class, on figshare tumours."""
    everyone = np.ones(len(outcomes), bool)
    return {
        "accuracy": mean_of(outcomes.right, everyone),
        "figshare_tumour_accuracy": mean_of(outcomes.right, outcomes.figshare_tumours),
        "macro_precision": _of_confusion(outcomes, macro_precision),
        "macro_recall": _of_confusion(outcomes, macro_recall),
        "macro_f1": _of_confusion(outcomes, macro_f1),
        "tumour_called_healthy": mean_of(outcomes.predicted == HEALTHY, outcomes.tumours),
        "tumour_called_healthy_without_review": mean_of(
            (outcomes.predicted == HEALTHY) & ~outcomes.needs_review, outcomes.tumours
        ),
        "healthy_called_tumour": mean_of(outcomes.predicted != HEALTHY, ~outcomes.tumours),
        "expected_calibration_error": expected_calibration_error(outcomes),
        "brier_score": mean_of(_squared_error(outcomes), everyone),
        "negative_log_likelihood": mean_of(_surprise(outcomes), everyone),
        "in_review": mean_of(outcomes.needs_review, everyone),
        "error_rate_outside_review": mean_of(~outcomes.right, ~outcomes.needs_review),
        **heatmap_statistics(outcomes, among=outcomes.outlined),
    }


def heatmap_statistics(outcomes: Outcomes, *, among: npt.NDArray[np.bool_]) -> dict[str, Statistic]:
    """How the heatmaps of the scans `among` lie to the outlines."""
    names = ("peak_in_box", "peak_in_outline", "energy_in_box", "energy_in_outline", "iou")
    return {name: mean_of(_measured(outcomes, name), among) for name in names}


def baseline_statistics(outcomes: Outcomes, *, among: npt.NDArray[np.bool_]) -> dict[str, dict[str, Statistic]]:
    """What needs no network, on the same scans: the picture's centre, a brain-uniform map, the brightest pixel."""
    return {
        name: {
            figure: mean_of(_measured(outcomes, f"{prefix}_{figure}"), among)
            for figure in ("in_box", "in_outline", "iou")
        }
        for name, prefix in (("centre", "centre"), ("brain_uniform", "uniform"), ("brightest", "brightest"))
    }


def energy_over_uniform(outcomes: Outcomes, *, place: str) -> Statistic:
    """How many times the energy of a map that is spread over the brain lies in the tumour's box or outline."""
    among = outcomes.outlined
    energy, uniform = (np.where(among, outcomes.heatmap[f"{kind}_{place}"], 0) for kind in ("energy", "uniform"))
    return Statistic(
        columns=np.column_stack([energy, uniform]),
        value=lambda sums: sums[:, 0] / sums[:, 1],
        n=int(np.count_nonzero(among)),
    )


def class_statistics(outcomes: Outcomes) -> dict[str, dict[str, Statistic]]:
    """One class against the rest: of its scans, of the others', of those called so."""
    found: dict[str, dict[str, Statistic]] = {"sensitivity": {}, "specificity": {}, "precision": {}}
    for place, label in enumerate(CLASSES):
        is_it, called = outcomes.labels == place, outcomes.predicted == place
        found["sensitivity"][str(label)] = mean_of(called, is_it)
        found["specificity"][str(label)] = mean_of(~called, ~is_it)
        found["precision"][str(label)] = mean_of(is_it, called)
    return found


def expected_calibration_error(outcomes: Outcomes) -> Statistic:
    """Guo et al. 2017: 15 bins of equal width over the confidence, |confidence - accuracy| weighted by size."""
    bins = confidence_bin(outcomes.confidence)
    surplus = (outcomes.confidence - outcomes.right)[:, None] * np.eye(ECE_BINS)[bins]
    return Statistic(
        columns=np.column_stack([surplus, np.ones(len(outcomes))]),
        value=lambda sums: np.abs(sums[:, :ECE_BINS]).sum(axis=1) / sums[:, ECE_BINS],
        n=len(outcomes),
        noise_raises=True,
    )


def confidence_bin(confidence: Real) -> npt.NDArray[np.int64]:
    """The bin, 0 to 14, of each confidence in [0, 1]."""
    return np.minimum((confidence * ECE_BINS).astype(np.int64), ECE_BINS - 1)


def macro_recall(confusion: Real) -> Real:
    """Mean sensitivity over the classes that there are. `confusion`: (R, 4, 4) of true, said -> (R,)."""
    return np.asarray(np.nanmean(_recall(confusion), axis=1), np.float64)


def macro_precision(confusion: Real) -> Real:
    """The same of precision; a class that there is and that is never said counts as 0."""
    return np.asarray(np.nanmean(_precision(confusion), axis=1), np.float64)


def macro_f1(confusion: Real) -> Real:
    """The same of the harmonic mean of each class's precision and recall."""
    recall, precision = _recall(confusion), _precision(confusion)
    return np.asarray(np.nanmean(2 * precision * recall / np.maximum(precision + recall, 1e-12), axis=1), np.float64)


def confusion_columns(outcomes: Outcomes) -> Real:
    """(N, 16): a one in the cell of true and said label."""
    return np.asarray(np.eye(len(CLASSES) ** 2)[outcomes.labels * len(CLASSES) + outcomes.predicted], np.float64)


def confusion_of(outcomes: Outcomes) -> Mapping[str, Mapping[str, int]]:
    """How many scans of each label were called what."""
    counts = confusion_columns(outcomes).sum(axis=0).astype(int).reshape(len(CLASSES), len(CLASSES))
    return {
        str(true): {str(said): int(count) for said, count in zip(CLASSES, row, strict=True)}
        for true, row in zip(CLASSES, counts, strict=True)
    }


def _of_confusion(outcomes: Outcomes, value: Callable[[Real], Real]) -> Statistic:
    shape = (-1, len(CLASSES), len(CLASSES))
    return Statistic(
        columns=confusion_columns(outcomes), value=lambda sums: value(sums.reshape(shape)), n=len(outcomes)
    )


def _recall(confusion: Real) -> Real:
    return np.asarray(np.diagonal(confusion, axis1=1, axis2=2) / confusion.sum(axis=2), np.float64)


def _precision(confusion: Real) -> Real:
    """(R, 4); nan for a class that there is not."""
    said = np.maximum(confusion.sum(axis=1), 1e-12)
    precision = np.diagonal(confusion, axis1=1, axis2=2) / said
    return np.where(confusion.sum(axis=2) > 0, precision, np.nan)


def _squared_error(outcomes: Outcomes) -> Real:
    """Brier 1950: the sum over classes, so that 0 is best and 2 the worst."""
    return np.asarray(((outcomes.probabilities - np.eye(len(CLASSES))[outcomes.labels]) ** 2).sum(axis=1), np.float64)


def _surprise(outcomes: Outcomes) -> Real:
    chosen = outcomes.probabilities[np.arange(len(outcomes)), outcomes.labels]
    return np.asarray(-np.log(np.maximum(chosen, 1e-12)), np.float64)


def _measured(outcomes: Outcomes, name: str) -> npt.NDArray[np.bool_] | Real:
    """A heatmap's measure; true or false where it can be nothing between."""
    values = outcomes.heatmap[name]
    is_a_point = name.startswith(("peak", "centre", "brightest")) and not name.endswith("iou")
    return values == 1 if is_a_point else values
