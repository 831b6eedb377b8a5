"""What comes of scans where they are sent: the gate stands before the network, and whom it turns away gets no label.

The other figures of an evaluation are the network's, so that two networks can be compared whatever stands before them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shared.domain import HEALTHY
from training.evaluation.bootstrap import IntervalRate, PatientBootstrap, mean_of
from training.evaluation.outcomes import Outcomes


def served_figures(outcomes: Outcomes, turned_away: npt.NDArray[np.bool_]) -> dict[str, IntervalRate]:
    """Shares of all scans, the last of all tumours; `turned_away` (N,) by the gate are neither right nor in review."""
    bootstrap = PatientBootstrap(outcomes.patients)
    everyone, told = np.ones(len(outcomes), bool), ~turned_away
    unnoticed = told & (outcomes.predicted == HEALTHY) & ~outcomes.needs_review
    statistics = {
        "rejected": mean_of(turned_away, everyone),
        "right": mean_of(told & outcomes.right, everyone),
        "right_or_in_review": mean_of(told & (outcomes.right | outcomes.needs_review), everyone),
        "tumour_called_healthy_without_review": mean_of(unnoticed, outcomes.tumours),
    }
    return {name: bootstrap.rate(statistic) for name, statistic in statistics.items()}
