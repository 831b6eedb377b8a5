"""Tables of scores whose truth is known: labels are drawn from the very probabilities that the logits tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from shared.domain import CLASSES, HEALTHY
from training.evaluation.scores import HeatmapScore, ScanScore
from worker.inference.predict import softmax


def honest_scores(
    scans: int = 1000, *, seed: int = 0, spread: float = 4.0, sharpened: float = 1.0, slices: int = 4
) -> list[ScanScore]:
    """Scans of `slices` a patient in five folds; logits are honest but for being multiplied by `sharpened`."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(0, spread, (scans, len(CLASSES)))
    labels = [int(rng.choice(len(CLASSES), p=row)) for row in softmax(honest)]
    return [
        ScanScore(
            file=f"scan-{at:05}.png",
            label=CLASSES[label],
            source="br35h" if label == HEALTHY else "figshare" if at % 10 else "sartaj",
            patient=f"patient-{at // slices}",
            fold=at // slices % 5,
            logits=tuple(sharpened * logits),
            distance=float(rng.exponential()),
            heatmap=heatmap(rng) if label != HEALTHY and at % 10 else None,
        )
        for at, (label, logits) in enumerate(zip(labels, honest, strict=True))
    ]


def heatmap(rng: np.random.Generator, *, hit: float = 0.8) -> HeatmapScore:
    """Measures of a map whose peak is in the tumour in `hit` of all draws."""
    found = float(rng.random() < hit)
    return HeatmapScore(
        area=float(rng.uniform(0.002, 0.08)),
        peak_in_box=found,
        peak_in_outline=found,
        energy_in_box=0.3,
        energy_in_outline=0.2,
        iou=0.4 * found,
        centre_in_box=0.0,
        centre_in_outline=0.0,
        brightest_in_box=float(rng.random() < 0.1),
        brightest_in_outline=0.0,
        uniform_in_box=0.06,
        uniform_in_outline=0.04,
        centre_iou=0.05,
        brightest_iou=0.02,
        uniform_iou=0.04,
    )


def said(score: ScanScore, label: int, *, logit: float = 6.0) -> ScanScore:
    """The same scan, called `label`."""
    return replace(score, logits=tuple(logit if place == label else 0.0 for place in range(len(CLASSES))))
