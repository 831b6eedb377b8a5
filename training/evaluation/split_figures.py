"""What networks trained on other splits show: a source that was never seen, and how much parting by record flatters.

A source left out stands for another hospital. There it counts less to be right than not to be wrong unnoticed: a
tumour may come back in review, never as a confident "no tumour". Each figure stands beside that of the same scans in
the cross-validation, so that what differs is the split alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from shared.domain import HEALTHY
from training.evaluation.bootstrap import PatientBootstrap, mean_of
from training.evaluation.calibrate import fit_calibration, fit_on_other_folds
from training.evaluation.figures import class_statistics, confusion_of
from training.evaluation.outcomes import Outcomes, outcomes_of
from training.evaluation.scores import ScanScore

_UNSEEN = (
    "One network for each row, trained on every other source and asked about this one; beside it the same scans in the "
    "cross-validation, whose networks knew the source. Temperature and thresholds are fitted on the other sources."
)
_RECORD_WISE = (
    "One network trained on pictures drawn at random and tested on the rest, whoever the patients are, as most "
    "published figures on these data are; beside it the same scans in the cross-validation by patient. The difference "
    "is what a leaky split flatters by; it is no figure of the model."
)


def unseen_sources(tables: Sequence[Sequence[ScanScore]], cross_validated: Sequence[ScanScore]) -> dict[str, Any]:
    """A section of an evaluation: figures of each source that one of `tables` holds and was left out for.

    Raises ValueError for a table of several sources, or of scans that were not cross-validated.
    """
    section: dict[str, Any] = {"note": _UNSEEN}
    for table in tables:
        sources = sorted({score.source for score in table})
        if len(sources) != 1:
            raise ValueError(f"the scores of a source left out hold {len(sources)} sources: {', '.join(sources)}")
        known = fit_calibration([score for score in cross_validated if score.source != sources[0]])
        unseen = outcomes_of(table, dict.fromkeys({score.fold for score in table}, known))
        section[f"{sources[0]}, never seen"] = _figures(unseen)
        section[f"{sources[0]}, cross-validated"] = _figures(_same_scans(table, cross_validated))
    return section


def record_wise(table: Sequence[ScanScore], cross_validated: Sequence[ScanScore]) -> dict[str, Any]:
    """A section of an evaluation: what pictures parted at random give. Raises ValueError as `unseen_sources` does."""
    calibrations = fit_on_other_folds(cross_validated)
    return {
        "note": _RECORD_WISE,
        "parted by picture": _figures(outcomes_of(table, calibrations)),
        "parted by patient": _figures(_same_scans(table, cross_validated)),
    }


def _same_scans(table: Sequence[ScanScore], cross_validated: Sequence[ScanScore]) -> Outcomes:
    wanted = {score.file for score in table}
    same = [score for score in cross_validated if score.file in wanted]
    if len(same) != len(wanted):
        raise ValueError(f"{len(wanted) - len(same)} of {len(wanted)} scans are not in the cross-validation")
    return outcomes_of(same, fit_on_other_folds(cross_validated))


def _figures(outcomes: Outcomes) -> dict[str, Any]:
    bootstrap = PatientBootstrap(outcomes.patients)
    everyone = np.ones(len(outcomes), bool)
    called_healthy = outcomes.predicted == HEALTHY
    statistics = {
        "accuracy": mean_of(outcomes.right, everyone),
        "right_or_in_review": mean_of(outcomes.right | outcomes.needs_review, everyone),
        "in_review": mean_of(outcomes.needs_review, everyone),
        "tumour_called_healthy": mean_of(called_healthy, outcomes.tumours),
        "tumour_called_healthy_without_review": mean_of(called_healthy & ~outcomes.needs_review, outcomes.tumours),
        "healthy_called_tumour": mean_of(~called_healthy, ~outcomes.tumours),
    }
    sensitivity = class_statistics(outcomes)["sensitivity"]
    return {
        **{name: bootstrap.rate(statistic) for name, statistic in statistics.items()},
        "sensitivity_by_class": {label: bootstrap.rate(statistic) for label, statistic in sensitivity.items()},
        "confusion_by_class": confusion_of(outcomes),
    }
