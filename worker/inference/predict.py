"""From the network's logits to a label that can be acted on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shared.domain import TumorClass
from worker.inference.types import Prediction

CLASSES: tuple[TumorClass, ...] = tuple(TumorClass)
LOW_CONFIDENCE = "low_confidence"


def classify(logits: npt.NDArray[np.float32], *, temperature: float, review_below: float) -> Prediction:
    """Label and calibrated probabilities of one scan.

    `logits`: float32 (4,) in the order of `TumorClass`. Probabilities are softmax(logits / temperature) (Guo et
    al. 2017) and sum to 1; a confidence under `review_below` asks for a person with the reason `low_confidence`.
    """
    probabilities = softmax(np.asarray(logits, np.float64) / temperature)
    best = int(np.argmax(probabilities))
    confidence = float(probabilities[best])
    reasons = (LOW_CONFIDENCE,) if confidence < review_below else ()
    return Prediction(
        label=CLASSES[best],
        probabilities={label: float(share) for label, share in zip(CLASSES, probabilities, strict=True)},
        confidence=confidence,
        needs_review=bool(reasons),
        review_reasons=reasons,
    )


def softmax(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Over the last axis, safe for large values; float64 in and out."""
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float64)
