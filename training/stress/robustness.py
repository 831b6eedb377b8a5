"""Does a network say the same of a scan that was only stored, framed, lit or blurred differently?

Every changed picture goes the whole way that an uploaded file goes, as a file again, so that what turns scans away is
asked too. Each fold's scans are shown to the network that was not trained on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from shared.domain import CLASSES, TumorClass
from shared.heatmaps import lay_out
from shared.images import read_image
from training.dataset.slices import Slice, outline_in_image
from training.evaluation.bootstrap import IntervalRate, PatientBootstrap
from training.evaluation.pointing import points_at
from training.stress.perturb import PERTURBATIONS, UNCHANGED, Outline, Picture
from worker.inference.model import load_model
from worker.inference.pipeline import Network, Pipeline, focus_of
from worker.inference.types import Decoded, Predicted, Prediction, Source

_MAX_PIXELS = 100_000_000
_CHUNK = 32
_NOTE = "The same scans stored, framed, lit and blurred differently; `means` in the JSON says what each change does."


@dataclass(frozen=True)
class Answer:
    """What was said of one picture. `in_box`: None where no outline was drawn or nothing of it is left."""

    prediction: Prediction
    in_box: bool | None


def robustness(
    folds: Sequence[tuple[Path, Sequence[Slice]]],
    *,
    scans: int = 300,
    seed: int = 0,
    report: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Figures of every perturbation over a seeded sample of `scans`, stratified by label, with intervals by patient.

    `folds`: bundles, each with slices that it was not trained on. A picture that is rejected counts as neither right
    nor unchanged. Raises ValueError where there is nothing to show.
    """
    sample = draw_sample([(at, item) for at, (_, slices) in enumerate(folds) for item in slices], scans, seed=seed)
    chosen: list[Slice] = []
    answers: dict[str, list[Answer | None]] = {name: [] for name in PERTURBATIONS}
    for at, (bundle, _) in enumerate(folds):
        mine = [item for where, item in sample if where == at]
        model = load_model(bundle)
        for start in range(0, len(mine), _CHUNK):
            chunk = mine[start : start + _CHUNK]
            for name, given in answers_of(model, chunk, seed=seed).items():
                answers[name] += given
            chosen += chunk
            report(f"changed {len(chosen)} of {len(sample)}")
    before = answers[UNCHANGED]
    bootstrap = PatientBootstrap(np.array([item.patient for item in chosen]))
    return {
        "note": _NOTE,
        "n": len(chosen),
        "patients": len({item.patient for item in chosen}),
        "seed": seed,
        "by_label": {str(label): sum(item.label is label for item in chosen) for label in CLASSES},
        "perturbations": {
            name: {"means": PERTURBATIONS[name].means, **_figures(chosen, before, given, bootstrap=bootstrap)}
            for name, given in answers.items()
        },
    }


def draw_sample(pool: Sequence[tuple[int, Slice]], scans: int, *, seed: int) -> list[tuple[int, Slice]]:
    """At most `scans` of `pool`, each label as frequent as there; every label that is there comes at least once."""
    if not pool:
        raise ValueError("there are no scans to draw from")
    rng = np.random.default_rng(seed)
    share = min(1.0, scans / len(pool))
    drawn: list[int] = []
    for label in CLASSES:
        of_label = [at for at, (_, item) in enumerate(pool) if item.label is label]
        wanted = min(len(of_label), max(1, round(share * len(of_label))))
        drawn += rng.permutation(of_label)[:wanted].tolist()
    return [pool[at] for at in sorted(drawn)]


def answers_of(model: Network, slices: Sequence[Slice], *, seed: int) -> Mapping[str, list[Answer | None]]:
    """What the model says of every slice under every perturbation, in order; None where it was rejected."""
    pipeline = Pipeline(model, max_pixels=_MAX_PIXELS)
    pictures = [_read(item) for item in slices]
    answers: dict[str, list[Answer | None]] = {}
    for number, (name, perturbation) in enumerate(PERTURBATIONS.items()):
        changed = [
            perturbation.change(picture, np.random.default_rng((seed, number, *item.path.name.encode())))
            for picture, item in zip(pictures, slices, strict=True)
        ]
        answers[name] = ask(pipeline, changed)
    return answers


def _read(item: Slice) -> Picture:
    image = read_image(item.path.read_bytes(), max_pixels=_MAX_PIXELS)
    if item.outline is None:
        return Picture(image, None)
    return Picture(image, outline_in_image(item.outline, width=image.shape[1], height=image.shape[0]))


def ask(pipeline: Pipeline, pictures: Sequence[Picture]) -> list[Answer | None]:
    """What is said of each picture once it is a file again; None where it is rejected."""
    decoded = [pipeline.decode(Source(_as_file(picture.pixels))) for picture in pictures]
    predicted = iter(pipeline.predict([item for item in decoded if isinstance(item, Decoded)]))
    seen = [next(predicted) if isinstance(item, Decoded) else item for item in decoded]
    return [
        _answer(item, picture.outline) if isinstance(item, Predicted) else None
        for item, picture in zip(seen, pictures, strict=True)
    ]


def _as_file(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Without loss, and quick to write and read."""
    _, data = cv2.imencode(".bmp", pixels)
    return data.tobytes()


def _answer(result: Predicted, outline: Outline | None) -> Answer:
    if outline is None:
        return Answer(result.prediction, None)
    height, width = result.decoded.image.shape
    frame = result.decoded.prepared.frame
    focus = focus_of(lay_out(result.grid, frame=frame, width=width, height=height), frame=frame)
    return Answer(result.prediction, points_at(focus, outline)[0])


def _figures(
    slices: Sequence[Slice],
    before: Sequence[Answer | None],
    after: Sequence[Answer | None],
    *,
    bootstrap: PatientBootstrap,
) -> dict[str, IntervalRate]:
    true = [item.label for item in slices]
    first, said = (
        [None if answer is None else answer.prediction.label for answer in answers] for answers in (before, after)
    )
    labels = list(zip(said, first, true, strict=True))
    counted: dict[str, Iterable[float | None]] = {
        "accuracy": (new is right for new, _, right in labels),
        "label_unchanged": (None if old is None else new is old for new, old, _ in labels),
        "still_right": (new is right if old is right else None for new, old, right in labels),
        "tumour_called_healthy": (
            None if right is TumorClass.NOTUMOR else new is TumorClass.NOTUMOR for new, _, right in labels
        ),
        "peak_in_box": (answer.in_box if answer else None for answer in after),
        "needs_review": (answer.prediction.needs_review if answer else None for answer in after),
        "rejected": (answer is None for answer in after),
        # Of the class that the unchanged picture was given.
        "mean_probability_change": (
            _change(old.prediction, new.prediction) if old and new else None
            for old, new in zip(before, after, strict=True)
        ),
    }
    rates = {name: bootstrap.rate_of(values) for name, values in counted.items()}
    if after is before:
        for name in ("label_unchanged", "still_right"):
            rates[name]["interval"] = None  # they are all so by what they mean
    return rates


def _change(old: Prediction, new: Prediction) -> float:
    return abs(new.probabilities[old.label] - old.probabilities[old.label])
