"""Does a network look at the tumour? Asked of heads that lost theirs, and of healthy ones that were given one.

A network that tells the source instead of the tumour calls a healed head a tumour, as all of its source are, and a
planted one healthy. It is asked about counterfactuals of patients that it was not trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shared.domain import CLASSES, HEALTHY
from training.augmentation.counterfactuals import Counterfactuals
from training.augmentation.example import Example
from training.dataset.slices import Slice, load_examples
from training.evaluation.rates import rate
from training.stress.perturb import Picture
from training.stress.robustness import Answer, ask
from worker.inference.model import load_model
from worker.inference.pipeline import Pipeline

_SIDE_PX = 200  # as they are made in training
_MAX_PIXELS = 1_000_000
_CHUNK = 32
_NOTE = (
    "Lateral tumours replaced by the other side of the head, which is then healthy; and tumours blended into healthy "
    "heads. A rejected picture counts as none of the answers."
)


def ask_counterfactuals(
    folds: Sequence[tuple[Path, Sequence[Slice]]], *, seed: int = 0, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Figures over every slice of `folds` that has a counterfactual.

    `folds`: bundles, each with slices that it was not trained on.
    """
    asked: list[tuple[Example, Answer | None]] = []
    for bundle, slices in folds:
        examples = made_of(slices, seed=seed)
        pipeline = Pipeline(load_model(bundle), max_pixels=_MAX_PIXELS)
        for start in range(0, len(examples), _CHUNK):
            chunk = examples[start : start + _CHUNK]
            asked += zip(chunk, ask(pipeline, [Picture(example.pixels, None) for example in chunk]), strict=True)
            report(f"counterfactuals: asked {len(asked)}")
    healed = [(example, answer) for example, answer in asked if example.label == HEALTHY]
    planted = [(example, answer) for example, answer in asked if example.label != HEALTHY]
    return {"note": _NOTE, "healed": _figures(healed), "planted": _figures(planted)}


def made_of(slices: Sequence[Slice], *, seed: int) -> list[Example]:
    """The counterfactual of every slice that has one, the same for the same seed."""
    examples = load_examples(slices, size_px=_SIDE_PX)
    drawing = Counterfactuals(examples, share=1.0)
    drawn = [drawing.draw(at, rng=np.random.default_rng((seed, at))) for at in range(len(examples))]
    return [example for example, label in zip(drawn, examples.labels, strict=True) if example.label != label]


def _figures(asked: Sequence[tuple[Example, Answer | None]]) -> dict[str, Any]:
    healthy = CLASSES[HEALTHY]
    return {
        "right": rate(
            answer is not None and answer.prediction.label is CLASSES[example.label] for example, answer in asked
        ),
        "called_healthy": rate(answer is not None and answer.prediction.label is healthy for _, answer in asked),
        "called_a_tumour": rate(answer is not None and answer.prediction.label is not healthy for _, answer in asked),
        "in_review": rate(answer is not None and answer.prediction.needs_review for _, answer in asked),
        "rejected": rate(answer is None for _, answer in asked),
    }
