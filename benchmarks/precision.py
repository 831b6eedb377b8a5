"""`python -m benchmarks.precision FOLDER`: what bfloat16 changes of the results on a folder of scans, as JSON.

Each scan is classified and explained twice by the same network, once in float32 and once in bfloat16.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import numpy.typing as npt

from shared.domain import CLASSES
from shared.settings import Settings
from worker.inference.model import load_model
from worker.inference.pipeline import Pipeline
from worker.inference.precision import Precision
from worker.inference.types import Decoded, Predicted, Prediction, Source

_MOST_PIXELS = 4096 * 4096
_AT_ONCE = 256
_ENDINGS = {".jpg", ".jpeg", ".png"}


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Tell how many labels, reviews and peaks differ, and by how much the probabilities do."""
    model_dir = Settings().model_dir
    pipelines = [
        Pipeline(load_model(model_dir, precision=precision), max_pixels=_MOST_PIXELS)
        for precision in (Precision.FLOAT32, Precision.BFLOAT16)
    ]
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS)
    exact: list[Result] = []
    rounded: list[Result] = []
    for start in range(0, len(files), _AT_ONCE):
        sources = [Source(path) for path in files[start : start + _AT_ONCE]]
        decoded = [item for item in pipelines[0].decode_all(sources) if isinstance(item, Decoded)]
        for a, b in zip(*(pipeline.predict(decoded) for pipeline in pipelines), strict=True):
            if isinstance(a, Predicted) and isinstance(b, Predicted):
                exact.append(Result(a.prediction, a.grid))
                rounded.append(Result(b.prediction, b.grid))
        click.echo(f"\r{min(start + _AT_ONCE, len(files))} of {len(files)}", nl=False, err=True)
    click.echo("", err=True)
    click.echo(json.dumps({"bfloat16": differences(exact, rounded)}, indent=1))


class Result(NamedTuple):
    """A prediction with its coarse map, float32 (g, g); the picture is let go."""

    prediction: Prediction
    grid: npt.NDArray[np.float32]


def differences(exact: Sequence[Result], rounded: Sequence[Result]) -> dict[str, Any]:
    """How often two results of one scan differ, and by how much; `exact` and `rounded` are in the same order."""
    pairs = list(zip(exact, rounded, strict=True))
    moved = [_peak_distance(a, b) for a, b in pairs]
    shifts = [max(abs(a.probabilities[c] - b.probabilities[c]) for c in CLASSES) for (a, _), (b, _) in pairs]
    return {
        "labels_that_differ": sum(a.prediction.label != b.prediction.label for a, b in pairs),
        "needs_review_that_differ": sum(a.prediction.needs_review != b.prediction.needs_review for a, b in pairs),
        "probability_differs_in_the_mean_by": float(f"{np.mean(shifts):.2g}"),
        "probability_differs_at_most_by": float(f"{max(shifts):.2g}"),
        "heatmaps_that_peak_in_the_same_cell": _share(distance == 0 for distance in moved),
        "or_in_a_cell_beside_it": _share(distance <= 1 for distance in moved),
    }


def _share(hits: Iterable[bool]) -> dict[str, float | int]:
    each = list(hits)
    return {"value": round(float(np.mean(each)), 4), "n": len(each)}


def _peak_distance(a: Result, b: Result) -> int:
    """In cells of the network's grid, the longer of the two ways along the axes."""
    places = [np.unravel_index(int(one.grid.argmax()), one.grid.shape) for one in (a, b)]
    return int(max(abs(int(p) - int(q)) for p, q in zip(*places, strict=True)))


if __name__ == "__main__":
    main()
