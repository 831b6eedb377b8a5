"""What labels that are doubted do to the figures, which take every label as it is given."""

from __future__ import annotations

from typing import Any

import numpy as np

from shared.domain import HEALTHY
from training.dataset.doubted import doubted_labels
from training.evaluation.bootstrap import PatientBootstrap, mean_of
from training.evaluation.outcomes import Outcomes
from training.evaluation.rates import rate

_NOTE = (
    "Scans labelled healthy in which a mass is plain to see, by eye and not by a radiologist "
    "(`training/dataset/doubted_labels.csv`). All other figures take their labels as they are; here is how often they "
    "were called a tumour, and what is left without them."
)


def doubted_figures(outcomes: Outcomes, bootstrap: PatientBootstrap) -> dict[str, Any]:
    """A rate for each doubted cluster and for all, and two figures without them; empty where there is none."""
    patients = [patient for patient in doubted_labels() if patient in outcomes.patients]
    if not patients:
        return {}
    doubted = np.isin(outcomes.patients, patients)
    called = outcomes.predicted != HEALTHY
    return {
        "note": _NOTE,
        "called_a_tumour": {
            **{patient: rate(called[outcomes.patients == patient]) for patient in patients},
            "all_of_them": rate(called[doubted]),
        },
        "without_them": {
            "accuracy": bootstrap.rate(mean_of(outcomes.right, ~doubted)),
            "healthy_called_tumour": bootstrap.rate(mean_of(called, ~outcomes.tumours & ~doubted)),
        },
    }
