"""Does a network look at the tumour? Asked of heads that lost theirs or were given one, and of brains without skull.

A network that tells the source instead of the tumour calls a healed head a tumour, as all of its source are, a planted
one healthy, and a brain without its skull healthy, as all of those in this data are. It is asked about patients that it
was not trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shared.domain import CLASSES, HEALTHY
from training.augmentation.counterfactuals import Counterfactuals
from training.augmentation.example import Example
from training.augmentation.stripped import Stripped
from training.dataset.slices import Slice, load_examples
from training.evaluation.bootstrap import IntervalRate, PatientBootstrap
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
    "Tumours replaced by the other side of the head or the same place of another, which is then healthy; tumours"
    " blended into healthy heads; heads without scalp and skull, where these part from the brain. A rejected picture"
    " counts as none of the answers."
)


@dataclass(frozen=True)
class Made:
    """What was made of a slice, and whose it was."""

    example: Example
    patient: str


def ask_counterfactuals(
    folds: Sequence[tuple[Path, Sequence[Slice]]], *, seed: int = 0, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Figures over every slice of `folds` that one of these can be made of, with intervals by patient.

    `folds`: bundles, each with slices that it was not trained on.
    """
    asked: dict[str, list[tuple[Made, Answer | None]]] = {kind: [] for kind in KINDS}
    for bundle, slices in folds:
        made = made_of(slices, seed=seed)
        pipeline = Pipeline(load_model(bundle), max_pixels=_MAX_PIXELS)
        for kind, pictures in made.items():
            for start in range(0, len(pictures), _CHUNK):
                chunk = pictures[start : start + _CHUNK]
                answers = ask(pipeline, [Picture(it.example.pixels, None) for it in chunk])
                asked[kind] += zip(chunk, answers, strict=True)
                report(f"{kind}: asked {len(asked[kind])}")
    return {"note": _NOTE, **{kind: _figures(each) for kind, each in asked.items()}}


def made_of(slices: Sequence[Slice], *, seed: int) -> dict[str, list[Made]]:
    """Of each kind what can be made of the slices, the same for the same seed."""
    examples = load_examples(slices, size_px=_SIDE_PX)
    drawing, stripping = Counterfactuals(examples, share=1.0), Stripped(share=1.0)
    made: dict[str, list[Made]] = {kind: [] for kind in KINDS}
    for at, item in enumerate(slices):
        drawn = drawing.draw(at, rng=np.random.default_rng((seed, at)))
        if drawn.label != examples.labels[at]:
            made[HEALED if drawn.label == HEALTHY else PLANTED].append(Made(drawn, item.patient))
        whole = Example(examples.pixels[at], examples.outlines[at], int(examples.labels[at]))
        stripped = stripping.strip(whole, rng=np.random.default_rng((seed, at)))
        if stripped.changed:
            made[STRIPPED_HEALTHY if stripped.label == HEALTHY else STRIPPED_TUMOUR].append(
                Made(stripped, item.patient)
            )
    return made


def _figures(asked: Sequence[tuple[Made, Answer | None]]) -> dict[str, IntervalRate]:
    healthy = CLASSES[HEALTHY]
    said = [None if answer is None else answer.prediction.label for _, answer in asked]
    counted: dict[str, Iterable[bool]] = {
        "right": (label is CLASSES[it.example.label] for label, (it, _) in zip(said, asked, strict=True)),
        "called_healthy": (label is healthy for label in said),
        "called_a_tumour": (label is not None and label is not healthy for label in said),
        "in_review": (answer is not None and answer.prediction.needs_review for _, answer in asked),
        "rejected": (label is None for label in said),
    }
    bootstrap = PatientBootstrap(np.array([it.patient for it, _ in asked], str))
    return {name: bootstrap.rate_of(values) for name, values in counted.items()}
