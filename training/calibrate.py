"""Temperature and review threshold, fitted on scans that the network was not trained on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from worker.inference.predict import softmax

_TEMPERATURES = np.geomspace(0.25, 4.0, 161)


def fit_temperature(logits: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> float:
    """The temperature of the least negative log-likelihood (Guo et al. 2017). `logits` (N, 4), `labels` (N,)."""
    losses = [negative_log_likelihood(logits / temperature, labels) for temperature in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def negative_log_likelihood(logits: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> float:
    """Mean of -log(probability of the true class)."""
    chosen = softmax(logits)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def fit_review_threshold(
    confidences: npt.NDArray[np.float64],
    right: npt.NDArray[np.bool_],
    *,
    error_rate: float = 0.02,
    most_in_review: float = 0.10,
) -> float:
    """The lowest confidence that leaves at most `error_rate` wrong above it, or the one that sends `most_in_review`."""
    cap = float(np.quantile(confidences, most_in_review))
    for threshold in np.sort(confidences):
        above = confidences >= threshold
        if threshold >= cap or (~right[above]).mean() <= error_rate:
            return float(min(threshold, cap))
    return cap


def expected_calibration_error(
    confidences: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], *, bins: int = 15
) -> float:
    """Mean distance of confidence and accuracy over equal-width bins, weighted by their size."""
    which = np.minimum((confidences * bins).astype(int), bins - 1)
    total = 0.0
    for each in range(bins):
        inside = which == each
        if inside.any():
            total += abs(confidences[inside].mean() - right[inside].mean()) * inside.mean()
    return total
