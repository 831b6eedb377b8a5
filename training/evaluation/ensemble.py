"""What several networks say together: whether one bundle of them would be worth its cost, before any is built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from training.evaluation.scores import ScanScore, logits_of

Real = npt.NDArray[np.float64]


def ensemble_of(tables: Sequence[Sequence[ScanScore]]) -> list[ScanScore]:
    """The first table's scans with the mean of all networks' log-probabilities as logits, and of their distances.

    It has no heatmaps: where the peak of several maps together lies does not follow from where each has its own.
    Raises ValueError where a table lacks a scan of the first.
    """
    by_file = [{score.file: score for score in table} for table in tables]
    missing = next((score.file for score in tables[0] for table in by_file if score.file not in table), None)
    if missing is not None:
        raise ValueError(f"{missing}: not in every table; networks are taken together on the same scans")
    in_order = [[table[score.file] for score in tables[0]] for table in by_file]
    logits = np.mean([_log_softmax(logits_of(table)) for table in in_order], axis=0)
    distances = np.mean([[score.distance for score in table] for table in in_order], axis=0)
    return [
        replace(score, logits=tuple(row.tolist()), distance=float(distance), heatmap=None)
        for score, row, distance in zip(tables[0], logits, distances, strict=True)
    ]


def _log_softmax(logits: Real) -> Real:
    """(N, 4) -> (N, 4)."""
    return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True), np.float64)
