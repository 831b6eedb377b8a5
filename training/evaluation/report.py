"""The evaluation of a network: every figure that follows from its table of scores, as one JSON document.

Rates are `{"value", "n", "interval"}` with n scans and a 95% interval over patients (`evaluation.bootstrap`). Plots,
card, documentation and the bundle's `metrics` are all made from this document, none from the network.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.evaluation import bootstrap as intervals
from training.evaluation import calibrate, figures
from training.evaluation.bootstrap import IntervalRate, PatientBootstrap, Statistic, mean_of
from training.evaluation.calibrate import Calibration
from training.evaluation.curves import reliability, risk_coverage, roc
from training.evaluation.doubted_figures import doubted_figures
from training.evaluation.outcomes import Outcomes, outcomes_of
from training.evaluation.scores import ScanScore
from training.evaluation.unseen_patients import unseen_patients
from training.evaluation.where_fitted import where_fitted

EVALUATION_FILE = "evaluation.json"
_SIZES = ("small", "medium", "large")

# What is computed here; any other section of a document was measured elsewhere and added.
COMPUTED = frozenset(
    {
        *("model", "measured", "calibration", "headline", "by_class", "by_source", "by_fold", "confusion", "roc"),
        *("reliability", "review", "risk_coverage", "heatmaps", "doubted_labels", "unseen_patients", "training"),
    }
)

Document = dict[str, Any]


def evaluate_out_of_fold(scores: Sequence[ScanScore], *, model: str, command: str) -> Document:
    """The figures of a cross-validation. Each fold is calibrated by the others; the bundle's calibration by all.

    `command` is told to who wants to reproduce them.
    Raises ValueError where there is one fold only.
    """
    by_fold = calibrate.fit_on_other_folds(scores)
    fitted = _fitted(scores, by_fold)
    measured = _measured(
        scores,
        how="cross-validation by patient: each scan by the network that never saw its patient",
        command=command,
    )
    outcomes = outcomes_of(scores, by_fold)
    return {
        "model": model,
        "measured": measured,
        "calibration": fitted,
        **_figures(outcomes),
        "unseen_patients": unseen_patients(outcomes),
    }


def evaluate_bundle(
    scores: Sequence[ScanScore],
    *,
    model: str,
    calibration: Calibration,
    command: str,
    how: str,
) -> Document:
    """The figures of a bundle on scans, calibrated as it is served; `how` it was measured says what they are to it."""
    outcomes = outcomes_of(scores, dict.fromkeys({score.fold for score in scores}, calibration))
    thresholds = {name: value if math.isfinite(value) else None for name, value in asdict(calibration).items()}
    measured = _measured(scores, how=how, command=command)
    fitted = {"how": "as the bundle is served", "bundle": thresholds}
    return {"model": model, "measured": measured, "calibration": fitted, **_figures(outcomes)}


def headline(evaluation: Mapping[str, Any]) -> Document:
    """The `metrics` of bundle.json, shown at `/v1/models`: what is said first, and how it was measured."""
    return {"measured": evaluation["measured"], "figures": evaluation["headline"]}


def write_document(path: Path, document: Mapping[str, Any]) -> None:
    """Write JSON with one line a list of numbers, so that curves do not drown the figures."""
    text = json.dumps(document, indent=1, allow_nan=False)
    text = re.sub(r"\[[^\[\]{}]*\]", lambda found: "[" + " ".join(found[0][1:-1].split()) + "]", text)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def _fitted(scores: Sequence[ScanScore], by_fold: Mapping[int, Calibration]) -> Document:
    bundle = calibrate.fit_calibration(scores)
    others = {fold: [score for score in scores if score.fold != fold] for fold in by_fold}
    return {
        "how": "fitted on out-of-fold scores: for a fold's own figures on the other folds, for the bundle on all",
        "error_rate_wanted": calibrate.ERROR_RATE,
        "most_in_review": calibrate.MOST_IN_REVIEW,
        "called_healthy_wanted": calibrate.CALLED_HEALTHY,
        "most_offset": calibrate.MOST_OFFSET,
        "distance_quantile": calibrate.DISTANCE_QUANTILE,
        "bundle": asdict(bundle),
        "by_fold": {str(fold): asdict(calibration) for fold, calibration in by_fold.items()},
        "where_fitted": {
            "bundle": where_fitted(scores, bundle),
            "by_fold": {str(fold): where_fitted(others[fold], each) for fold, each in by_fold.items()},
        },
    }


def _measured(scores: Sequence[ScanScore], *, how: str, command: str) -> Document:
    sources = sorted({score.source for score in scores})
    return {
        "how": how,
        "folds": sorted({score.fold for score in scores}),
        "scans": {source: sum(score.source == source for score in scores) for source in sources},
        "patients": {source: len({score.patient for score in scores if score.source == source}) for source in sources},
        "interval": f"{intervals.CONFIDENCE:.0%} intervals of {intervals.RESAMPLES:,} resamples of patients",
        "command": command,
    }


def _figures(outcomes: Outcomes) -> Document:
    bootstrap = PatientBootstrap(outcomes.patients)
    curve, risk = roc(outcomes, bootstrap), risk_coverage(outcomes, bootstrap)
    headline = _rates(figures.headline_statistics(outcomes), bootstrap)
    return {
        "headline": headline | {"accuracy_at_90_coverage": risk["accuracy_at_90_coverage"]},
        "by_class": {
            **{name: _rates(rates, bootstrap) for name, rates in figures.class_statistics(outcomes).items()},
            "area_under_roc_curve": curve["area_under_curve"],
        },
        "by_source": _by_group(outcomes, bootstrap, groups=outcomes.sources),
        "by_fold": _by_group(outcomes, bootstrap, groups=outcomes.folds.astype(np.str_)),
        "confusion": figures.confusion_of(outcomes),
        "roc": curve["points"],
        "reliability": reliability(outcomes),
        "review": _review(outcomes, bootstrap),
        "risk_coverage": risk,
        "heatmaps": _heatmaps(outcomes, bootstrap),
        "doubted_labels": doubted_figures(outcomes, bootstrap),
    }


def _rates(statistics: Mapping[str, Statistic], bootstrap: PatientBootstrap) -> dict[str, IntervalRate]:
    return {name: bootstrap.rate(statistic) for name, statistic in statistics.items()}


def _by_group(outcomes: Outcomes, bootstrap: PatientBootstrap, *, groups: np.ndarray[Any, Any]) -> Document:
    """Accuracy, review and pointing in each source or fold."""
    found: Document = {}
    for group in sorted(set(groups.tolist())):
        inside = groups == group
        found[group] = _rates(
            {
                "accuracy": mean_of(outcomes.right, inside),
                "in_review": mean_of(outcomes.needs_review, inside),
                "figshare_tumour_accuracy": mean_of(outcomes.right, inside & outcomes.figshare_tumours),
                "peak_in_box": figures.heatmap_statistics(outcomes, among=inside & outcomes.outlined)["peak_in_box"],
            },
            bootstrap,
        )
    return found


def _review(outcomes: Outcomes, bootstrap: PatientBootstrap) -> Document:
    everyone = np.ones(len(outcomes), bool)
    reasons = {"low_confidence": outcomes.low_confidence, "unlike_training_data": outcomes.unlike_training_data}
    return {
        "share_by_reason": _rates({name: mean_of(hit, everyone) for name, hit in reasons.items()}, bootstrap),
        "error_rate_outside": bootstrap.rate(mean_of(~outcomes.right, ~outcomes.needs_review)),
        "error_rate_inside": bootstrap.rate(mean_of(~outcomes.right, outcomes.needs_review)),
        "errors_caught": bootstrap.rate(mean_of(outcomes.needs_review, ~outcomes.right)),
    }


def _heatmaps(outcomes: Outcomes, bootstrap: PatientBootstrap) -> Document:
    all_of_figshare = not (outcomes.outlined & ~outcomes.figshare_tumours).any()
    return {
        "of": f"the predicted class, on {'figshare' if all_of_figshare else 'outlined'} tumours",
        "network": _rates(figures.heatmap_statistics(outcomes, among=outcomes.outlined), bootstrap),
        "baselines": _baselines(outcomes, bootstrap, among=outcomes.outlined),
        "energy_over_brain_uniform": {
            place: bootstrap.rate(figures.energy_over_uniform(outcomes, place=place))
            for place in ("in_box", "in_outline")
        },
        "by_size": _by_size(outcomes, bootstrap),
    }


def _baselines(outcomes: Outcomes, bootstrap: PatientBootstrap, *, among: npt.NDArray[np.bool_]) -> Document:
    found = figures.baseline_statistics(outcomes, among=among)
    return {name: _rates(statistics, bootstrap) for name, statistics in found.items()}


def _by_size(outcomes: Outcomes, bootstrap: PatientBootstrap) -> Document:
    """Thirds of the outlined tumours by the share of the picture that they cover."""
    if not outcomes.outlined.any():
        return {}
    area = outcomes.heatmap["area"]
    edges = np.quantile(area[outcomes.outlined], [0, 1 / 3, 2 / 3, 1])
    edges[-1] = np.inf
    found: Document = {}
    for name, low, high in zip(_SIZES, edges[:-1], edges[1:], strict=True):
        inside = outcomes.outlined & (area >= low) & (area < high)
        if not inside.any():
            continue
        found[name] = {
            "share_of_picture": [round(float(edge), 5) for edge in (area[inside].min(), area[inside].max())],
            "accuracy": bootstrap.rate(mean_of(outcomes.right, inside)),
            **_rates(figures.heatmap_statistics(outcomes, among=inside), bootstrap),
            "baselines": _baselines(outcomes, bootstrap, among=inside),
        }
    return found
