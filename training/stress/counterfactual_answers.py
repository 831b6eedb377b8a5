"""Does a network look at the tumour? Asked of heads that lost theirs or were given one, and of brains without skull.

A network that tells the source instead of the tumour calls a healed head a tumour, as all of its source are, a planted
one healthy, and a brain without its skull healthy, as all of those in this data are. It is asked about patients that it
was not trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shared.domain import CLASSES, HEALTHY
from training.augmentation.counterfactuals import Counterfactuals
from training.augmentation.example import Example
from training.augmentation.stripped import Stripped
from training.dataset.slices import Slice, load_examples
from training.evaluation.rates import rate
from training.stress.perturb import Picture
from training.stress.robustness import Answer, ask
from worker.inference.model import load_model
from worker.inference.pipeline import Pipeline

HEALED, PLANTED, STRIPPED_TUMOUR, STRIPPED_HEALTHY = "healed", "planted", "stripped_tumour", "stripped_healthy"
KINDS = (HEALED, PLANTED, STRIPPED_TUMOUR, STRIPPED_HEALTHY)
_SIDE_PX = 200  # as they are made in training
_MAX_PIXELS = 1_000_000
_CHUNK = 32
_NOTE = (
    "Lateral tumours replaced by the other side of the head, which is then healthy; tumours blended into healthy "
    "heads; heads without scalp and skull, where these part from the brain. A rejected picture counts as none of the "
    "answers."
)


def ask_counterfactuals(
    folds: Sequence[tuple[Path, Sequence[Slice]]], *, seed: int = 0, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Figures over every slice of `folds` that one of these can be made of.

    `folds`: bundles, each with slices that it was not trained on.
    """
    asked: dict[str, list[tuple[Example, Answer | None]]] = {kind: [] for kind in KINDS}
    for bundle, slices in folds:
        made = made_of(slices, seed=seed)
        pipeline = Pipeline(load_model(bundle), max_pixels=_MAX_PIXELS)
        for kind, examples in made.items():
            for start in range(0, len(examples), _CHUNK):
                chunk = examples[start : start + _CHUNK]
                answers = ask(pipeline, [Picture(example.pixels, None) for example in chunk])
                asked[kind] += zip(chunk, answers, strict=True)
                report(f"{kind}: asked {len(asked[kind])}")
    return {"note": _NOTE, **{kind: _figures(each) for kind, each in asked.items()}}


def made_of(slices: Sequence[Slice], *, seed: int) -> dict[str, list[Example]]:
    """Of each kind what can be made of the slices, the same for the same seed."""
    examples = load_examples(slices, size_px=_SIDE_PX)
    drawing, stripping = Counterfactuals(examples, share=1.0), Stripped(share=1.0)
    made: dict[str, list[Example]] = {kind: [] for kind in KINDS}
    for at in range(len(examples)):
        drawn = drawing.draw(at, rng=np.random.default_rng((seed, at)))
        if drawn.label != examples.labels[at]:
            made[HEALED if drawn.label == HEALTHY else PLANTED].append(drawn)
        whole = Example(examples.pixels[at], examples.outlines[at], int(examples.labels[at]))
        stripped = stripping.strip(whole, rng=np.random.default_rng((seed, at)))
        if stripped.changed:
            made[STRIPPED_HEALTHY if stripped.label == HEALTHY else STRIPPED_TUMOUR].append(stripped)
    return made


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
