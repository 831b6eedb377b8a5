"""Measures a model as it is served: the same decoding, temperature, heatmap of the predicted class and peak.

A heatmap's peak is asked whether it points at the tumour (the pointing game, Zhang et al. 2018): inside the box
around the radiologist's outline, and inside the outline itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from shared.domain import TumorClass
from shared.errors import InvalidScan
from shared.heatmaps import lay_out
from training.data import CLASSES, Slice, outline_in_image
from worker.inference.pipeline import Network, Pipeline, focus_of
from worker.inference.types import Decoded, Point, Predicted, Prediction, Rejected, Source

_MAX_PIXELS = 100_000_000
_CHUNK = 32


@dataclass(frozen=True)
class Scored:
    """One slice with what the model said. `in_box`, `in_outline`: None where no outline was drawn."""

    slice: Slice
    prediction: Prediction
    in_box: bool | None
    in_outline: bool | None

    @property
    def right(self) -> bool:
        """Whether the label is the true one."""
        return self.prediction.label is self.slice.label


def score(model: Network, slices: Sequence[Slice], *, report: Callable[[str], None] = print) -> list[Scored]:
    """Classify and explain every slice. Raises InvalidScan where one is rejected: they are all good scans."""
    pipeline = Pipeline(model, max_pixels=_MAX_PIXELS)
    scored: list[Scored] = []
    for start in range(0, len(slices), _CHUNK):
        chunk = slices[start : start + _CHUNK]
        decoded = list(_decoded(pipeline, chunk))
        scored += [_score_one(item, result) for item, result in zip(chunk, pipeline.predict(decoded), strict=True)]
        report(f"scored {len(scored)} of {len(slices)}")
    return scored


def measure(scored: Sequence[Scored]) -> dict[str, Any]:
    """The figures of `scored`, over all of it and by fold; every rate stands beside its n."""
    folds = sorted({item.slice.fold for item in scored})
    by_fold = {str(fold): _figures([item for item in scored if item.slice.fold == fold]) for fold in folds}
    return {"folds": folds, **_figures(scored), "by_fold": by_fold}


def log_probabilities(scored: Sequence[Scored]) -> npt.NDArray[np.float64]:
    """(N, 4): logits of `scored` up to a constant, times the inverse of the temperature they were served with."""
    rows = [[item.prediction.probabilities[label] for label in CLASSES] for item in scored]
    return np.asarray(np.log(np.maximum(rows, 1e-12)), np.float64)


def _figures(scored: Sequence[Scored]) -> dict[str, Any]:
    tumours = [item for item in scored if item.slice.label is not TumorClass.NOTUMOR]
    healthy = [item for item in scored if item.slice.label is TumorClass.NOTUMOR]
    figshare = [item for item in tumours if item.slice.source == "figshare"]
    outlined = [item for item in figshare if item.in_box is not None]
    sources = sorted({item.slice.source for item in scored})
    return {
        "accuracy": _rate(item.right for item in scored),
        "figshare_tumour_accuracy": _rate(item.right for item in figshare),
        "sensitivity": {
            str(label): _rate(item.right for item in scored if item.slice.label is label) for label in CLASSES
        },
        "accuracy_by_source": {
            source: _rate(item.right for item in scored if item.slice.source == source) for source in sources
        },
        "tumour_called_healthy": _rate(item.prediction.label is TumorClass.NOTUMOR for item in tumours),
        "healthy_called_tumour": _rate(item.prediction.label is not TumorClass.NOTUMOR for item in healthy),
        "peak_in_box": _rate(bool(item.in_box) for item in outlined),
        "peak_in_outline": _rate(bool(item.in_outline) for item in outlined),
        "needs_review": _rate(item.prediction.needs_review for item in scored),
        "confusion": {
            str(true): {
                str(said): sum(item.slice.label is true and item.prediction.label is said for item in scored)
                for said in CLASSES
            }
            for true in CLASSES
        },
    }


def _rate(hits: Iterable[bool]) -> dict[str, Any]:
    values = list(hits)
    return {"value": round(sum(values) / len(values), 4) if values else None, "n": len(values)}


def _decoded(pipeline: Pipeline, chunk: Sequence[Slice]) -> Iterator[Decoded]:
    for item in chunk:
        decoded = pipeline.decode(Source(item.path.read_bytes()))
        if isinstance(decoded, Rejected):
            raise InvalidScan(f"{item.path.name} was rejected: {decoded.message}", code=decoded.code)
        yield decoded


def _score_one(item: Slice, result: Predicted) -> Scored:
    if item.outline is None:
        return Scored(slice=item, prediction=result.prediction, in_box=None, in_outline=None)
    height, width = result.decoded.image.shape
    frame = result.decoded.prepared.frame
    focus = focus_of(lay_out(result.grid, frame=frame, width=width, height=height), frame=frame)
    outline = outline_in_image(item.outline, width=width, height=height)
    in_box, in_outline = points_at(focus, outline)
    return Scored(slice=item, prediction=result.prediction, in_box=in_box, in_outline=in_outline)


def points_at(focus: Point, outline: npt.NDArray[np.float32]) -> tuple[bool, bool]:
    """Whether a pixel lies in the box around an outline float32 (n, 2) of (x, y), and in the outline itself."""
    (left, top), (right, bottom) = outline.min(axis=0), outline.max(axis=0)
    in_box = bool(left <= focus.x <= right and top <= focus.y <= bottom)
    polygon = outline.reshape(-1, 1, 2).astype(np.float32)
    inside = cv2.pointPolygonTest(polygon, (float(focus.x), float(focus.y)), measureDist=False)
    return in_box, bool(inside >= 0)
