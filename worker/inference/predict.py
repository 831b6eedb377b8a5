"""From the network's logits to a label that can be acted on."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from shared.domain import CLASSES, HEALTHY
from worker.inference.types import Prediction

LOW_CONFIDENCE = "low_confidence"
UNLIKE_TRAINING_DATA = "unlike_training_data"


class Thresholds(Protocol):
    """What turns logits into probabilities and doubt: a `worker.inference.model.Model` has it."""

    @property
    def temperature(self) -> float:
        """Divides the logits."""

    @property
    def healthy_offset(self) -> float:
        """Added to the logit of "no tumour" then, <= 0."""

    @property
    def review_below(self) -> float:
        """Confidence under which a person should look."""

    @property
    def review_beyond(self) -> float:
        """Distance from the training data over which a person should look."""


def classify(logits: npt.NDArray[np.float32], *, distance: float, thresholds: Thresholds) -> Prediction:
    """Label and calibrated probabilities of one scan.

    `logits`: float32 (4,) in the order of `TumorClass`. A low confidence and a large `distance` each ask for a person,
    and say so.
    """
    probabilities = probabilities_of(
        np.asarray(logits, np.float64), temperature=thresholds.temperature, healthy_offset=thresholds.healthy_offset
    )
    best = int(np.argmax(probabilities))
    confidence = float(probabilities[best])
    doubts = {
        LOW_CONFIDENCE: confidence < thresholds.review_below,
        UNLIKE_TRAINING_DATA: distance > thresholds.review_beyond,
    }
    reasons = tuple(reason for reason, doubtful in doubts.items() if doubtful)
    return Prediction(
        label=CLASSES[best],
        probabilities={label: float(share) for label, share in zip(CLASSES, probabilities, strict=True)},
        confidence=confidence,
        distance=distance,
        needs_review=bool(reasons),
        review_reasons=reasons,
    )


def probabilities_of(
    logits: npt.NDArray[np.float64],
    *,
    temperature: float | npt.NDArray[np.float64],
    healthy_offset: float | npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """softmax(logits / temperature (Guo et al. 2017), with `healthy_offset` added to "no tumour" (Menon et al. 2021)).

    `logits`: (..., 4) in the order of `TumorClass`; the others: numbers, or (...). Returns (..., 4) that sum to 1.
    """
    scaled = logits / np.expand_dims(temperature, -1)
    scaled[..., HEALTHY] += healthy_offset
    return softmax(scaled)


def softmax(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Over the last axis, safe for large values; float64 in and out."""
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float64)
