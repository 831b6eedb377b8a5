"""What comes of scans where they are sent: the gate stands before the network, and whom it turns away gets no label.

The other figures of an evaluation are the network's, so that two networks can be compared whatever stands before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

from shared.domain import HEALTHY
from training.evaluation.bootstrap import IntervalRate, PatientBootstrap, mean_of
from training.evaluation.outcomes import Outcomes
from worker.inference.pipeline import Network, Pipeline
from worker.inference.types import Decoded, Rejected, Source

_MAX_PIXELS = 100_000_000
_AT_ONCE = 32


def turned_away(network: Network, files: Iterable[bytes]) -> Iterator[bool]:
    """Of each file whether it is rejected, for whatever reason, as the network is served with its gate."""
    pipeline = Pipeline(network, max_pixels=_MAX_PIXELS)
    left = iter(files)
    while chunk := list(islice(left, _AT_ONCE)):
        decoded = list(pipeline.decode_all([Source(data) for data in chunk]))
        predicted = iter(pipeline.predict([item for item in decoded if isinstance(item, Decoded)]))
        for item in decoded:
            yield isinstance(item, Rejected) or isinstance(next(predicted), Rejected)


def served_figures(outcomes: Outcomes, rejected: npt.NDArray[np.bool_]) -> dict[str, IntervalRate]:
    """Shares of all scans, the last of all tumours; `rejected` (N,) ones are neither right nor in review."""
    bootstrap = PatientBootstrap(outcomes.patients)
    everyone, told = np.ones(len(outcomes), bool), ~rejected
    unnoticed = told & (outcomes.predicted == HEALTHY) & ~outcomes.needs_review
    statistics = {
        "rejected": mean_of(rejected, everyone),
        "right": mean_of(told & outcomes.right, everyone),
        "right_or_in_review": mean_of(told & (outcomes.right | outcomes.needs_review), everyone),
        "tumour_called_healthy_without_review": mean_of(unnoticed, outcomes.tumours),
    }
    return {name: bootstrap.rate(statistic) for name, statistic in statistics.items()}
