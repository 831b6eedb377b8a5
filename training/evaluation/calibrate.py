"""Temperature, the odds of "no tumour", and review thresholds, fitted on scans that the network was not trained on.

Temperature: Guo et al. 2017, "On calibration of modern neural networks". A tumour called healthy costs more than the
reverse, so the logit of "no tumour" is lowered until that is rare enough (logit adjustment: Menon et al. 2021). Review
is selective classification (Geifman & El-Yaniv 2017): the network keeps to itself what it would too often get wrong.
Their bound on the error rate is not used: it would ask for more review than a reader has time for, so that the share in
review is capped and the error rate reached is reported. Distance from the training data as a second reason: Lee et al.
2018.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.domain import HEALTHY
from training.evaluation.scores import ScanScore, labels_of, logits_of
from worker.inference.predict import Thresholds, probabilities_of, softmax

ERROR_RATE = 0.02  # wanted among the scans that are not in review
MOST_IN_REVIEW = 0.08  # of each capped source, all reasons together; 10% is promised on patients never seen
CALLED_HEALTHY = 0.0035  # of tumours; at most 0.5% is promised
MOST_OFFSET = 1.0  # further "no tumour" is not lowered, however often tumours are called so
DISTANCE_QUANTILE = 0.98  # of the capped sources' distances; what lies beyond is unlike the training data
CAPPED_SOURCES = ("figshare", "br35h")  # where none of them is there, all scans together are capped

Real = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """What turns logits into an answer.

    `temperature` > 0 divides them, `healthy_offset` <= 0 is added to that of "no tumour" then. A confidence under
    `review_below`, or a distance over `review_beyond`, asks for a person.
    """

    temperature: float
    healthy_offset: float
    review_below: float
    review_beyond: float


def calibration_of(served: Thresholds) -> Calibration:
    """What a bundle is served with; of one that knows no distance `review_beyond` is infinite."""
    return Calibration(
        temperature=served.temperature,
        healthy_offset=served.healthy_offset,
        review_below=served.review_below,
        review_beyond=served.review_beyond,
    )


def fit_calibration(scores: Sequence[ScanScore]) -> Calibration:
    """Fit all four on out-of-fold scores. For a bundle: on the scores of every fold."""
    logits, labels = logits_of(scores), labels_of(scores)
    distances = np.array([score.distance for score in scores])
    sources = np.array([score.source for score in scores])
    # Sources of one's own count together: of a small one a single scan would decide what is in review of all.
    known = sorted(set(sources) & set(CAPPED_SOURCES))
    groups = [sources == source for source in known] or [np.ones(len(sources), bool)]
    temperature = round(fit_temperature(logits, labels), 4)
    offset = fit_healthy_offset(logits / temperature, labels)
    shares = probabilities_of(logits, temperature=temperature, healthy_offset=offset)
    beyond = round_up(float(np.quantile(distances[np.any(groups, axis=0)], DISTANCE_QUANTILE)))
    below = fit_review_threshold(
        shares.max(axis=1), shares.argmax(axis=1) == labels, already=distances > beyond, groups=groups
    )
    return Calibration(
        temperature=temperature,
        healthy_offset=offset,
        review_below=math.floor(below * 1e4) / 1e4,
        review_beyond=beyond,
    )


def fit_on_other_folds(scores: Sequence[ScanScore]) -> Mapping[int, Calibration]:
    """For each fold the calibration fitted on all the others, so that no figure of a fold has seen its labels.

    Raises ValueError where there is one fold only.
    """
    folds = sorted({score.fold for score in scores})
    if len(folds) < 2:
        raise ValueError(f"scores of fold {folds} alone: calibrating a fold takes scores of others")
    return {fold: fit_calibration([score for score in scores if score.fold != fold]) for fold in folds}


def fit_temperature(logits: Real, labels: npt.NDArray[np.int64]) -> float:
    """The temperature of the least negative log-likelihood, between 0.1 and 10. `logits` (N, 4), `labels` (N,).

    The likelihood has one peak over the temperature, so a coarse grid and a fine one around its best find it.
    """
    coarse = np.geomspace(0.1, 10, 81)
    best = _best_temperature(coarse, logits, labels)
    step = coarse[1] / coarse[0]
    return _best_temperature(np.geomspace(best / step, best * step, 61), logits, labels)


def fit_healthy_offset(scaled: Real, labels: npt.NDArray[np.int64], *, most: float = CALLED_HEALTHY) -> float:
    """What to add to "no tumour" so that at most the share `most` of tumours is called so: from -MOST_OFFSET to 0.

    `scaled` (N, 4): logits over the temperature; `labels` (N,).
    """
    tumours = scaled[labels != HEALTHY]
    leads = np.sort(tumours[:, HEALTHY] - np.delete(tumours, HEALTHY, axis=1).max(axis=1))[::-1]
    allowed = math.floor(most * len(leads))
    if allowed >= len(leads):
        return 0.0
    return -min(max(round_up(float(leads[allowed])), 0.0), MOST_OFFSET)


def negative_log_likelihood(logits: Real, labels: npt.NDArray[np.int64]) -> float:
    """Mean of -log(probability of the true class)."""
    chosen = softmax(logits)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def fit_review_threshold(
    confidences: Real,
    right: npt.NDArray[np.bool_],
    *,
    already: npt.NDArray[np.bool_] | None = None,
    groups: Sequence[npt.NDArray[np.bool_]] = (),
    error_rate: float = ERROR_RATE,
    most_in_review: float = MOST_IN_REVIEW,
) -> float:
    """The lowest confidence that leaves at most `error_rate` wrong at or above it, within the cap.

    `already`: scans in review for another reason; they do not count as left. `groups`: masks of the scans of
    which at most `most_in_review` each may be in review, all reasons together; all scans where none is given. The
    cap goes before the error rate.
    """
    others = np.zeros(len(confidences), bool) if already is None else already
    everyone = np.ones(len(confidences), bool)
    cap = min(_cap(confidences, others, among=group, share=most_in_review) for group in groups or (everyone,))
    order = np.argsort(confidences[~others])
    ascending, wrong = confidences[~others][order], ~right[~others][order]
    wrong_above = np.cumsum(wrong[::-1])[::-1]
    enough = np.flatnonzero(wrong_above <= error_rate * np.arange(len(ascending), 0, -1))
    return float(min(cap, ascending[enough[0]])) if len(enough) else cap


def _best_temperature(candidates: Real, logits: Real, labels: npt.NDArray[np.int64]) -> float:
    losses = [negative_log_likelihood(logits / temperature, labels) for temperature in candidates]
    return float(candidates[int(np.argmin(losses))])


def _cap(confidences: Real, already: npt.NDArray[np.bool_], *, among: npt.NDArray[np.bool_], share: float) -> float:
    """The highest threshold that leaves at most `share` of the scans `among` in review."""
    allowed = math.floor(share * np.count_nonzero(among)) - np.count_nonzero(already & among)
    ascending = np.sort(confidences[among & ~already])
    if allowed >= len(ascending):
        return 1.0
    return float(ascending[allowed]) if allowed >= 0 else 0.0


def round_up(value: float) -> float:
    """To four digits, so that what was measured is not over it."""
    return math.ceil(value * 1e4) / 1e4
