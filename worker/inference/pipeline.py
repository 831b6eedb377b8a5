"""One scan's way through the stages: decode -> preprocess -> predict -> explain -> render.

The stages are separate methods, so that a caller can overlap them or stop between them; `run` does all of them
for a few sources. A source that cannot be read becomes `Rejected` and touches no other.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from shared.errors import InvalidScan
from shared.heatmaps import Frame, lay_out
from shared.images import read_image
from worker.inference.gradcam import heatmap
from worker.inference.predict import Thresholds, classify
from worker.inference.preprocess import prepare
from worker.inference.render import heatmap_png, overlay
from worker.inference.types import Decoded, Explained, Inference, Point, Predicted, Prediction, Rejected, Source

_MOST_AT_ONCE = 32  # scans in one forward pass: more is no faster on a CPU and needs more memory


class Network(Thresholds, Protocol):
    """What the pipeline needs of a `worker.inference.model.Model`."""

    @property
    def size_px(self) -> int:
        """Side of the square that the network sees."""

    def infer(self, batch: npt.NDArray[np.float32]) -> Inference:
        """(N, S, S, 1) -> logits (N, 4), class maps (N, g, g, 4), distances (N,)."""


class Pipeline:
    """The stages around one model; holds no state of a scan, so it may be shared between threads."""

    def __init__(self, model: Network, *, max_pixels: int) -> None:
        self._model = model
        self._max_pixels = max_pixels

    def run(self, sources: Sequence[Source]) -> list[Explained | Rejected]:
        """Every source's outcome, in input order."""
        decoded = [self.decode(source) for source in sources]
        predicted = iter(self.predict([item for item in decoded if isinstance(item, Decoded)]))
        return [item if isinstance(item, Rejected) else self.render(next(predicted)) for item in decoded]

    def decode(self, source: Source) -> Decoded | Rejected:
        """Read one source and prepare it for the network."""
        started = time.perf_counter()
        try:
            image = read_image(source.data, frame=source.frame, max_pixels=self._max_pixels)
            read = time.perf_counter()
            prepared = prepare(image, size_px=self._model.size_px)
        except InvalidScan as error:
            return Rejected(code=error.code, message=error.message)
        timings = {"decode": _ms(started, read), "preprocess": _ms(read, time.perf_counter())}
        return Decoded(image=image, prepared=prepared, timings=timings)

    def predict(self, scans: Sequence[Decoded]) -> list[Predicted]:
        """Classify scans together; one forward pass gives both the logits and the maps that explain them."""
        results: list[Predicted] = []
        for start in range(0, len(scans), _MOST_AT_ONCE):
            results += self._predict_together(scans[start : start + _MOST_AT_ONCE])
        return results

    def render(self, scan: Predicted) -> Explained:
        """Lay the coarse map out over the image and draw both."""
        started = time.perf_counter()
        image, frame = scan.decoded.image, scan.decoded.prepared.frame
        height, width = image.shape
        heat = lay_out(scan.grid, frame=frame, width=width, height=height)
        focus = focus_of(heat, frame=frame)
        laid_out = time.perf_counter()
        drawn = overlay(
            image, heat, label_text=_in_words(scan.prediction), note_text="For research, not a medical device"
        )
        bare = heatmap_png(heat)
        timings = {**scan.decoded.timings, **scan.timings}
        timings["explain"] += _ms(started, laid_out)
        timings["render"] = _ms(laid_out, time.perf_counter())
        return Explained(
            prediction=scan.prediction,
            grid=scan.grid,
            frame=frame,
            width=width,
            height=height,
            focus=focus,
            overlay=drawn,
            heatmap_png=bare,
            timings=timings,
        )

    def _predict_together(self, scans: Sequence[Decoded]) -> list[Predicted]:
        started = time.perf_counter()
        batch = np.stack([scan.prepared.pixels for scan in scans])[..., None]
        inference = self._model.infer(batch)
        predict_ms = _ms(started, time.perf_counter()) / len(scans)
        results = []
        for scan, logits, maps, distance in zip(scans, *inference, strict=True):
            explaining = time.perf_counter()
            prediction = classify(logits, distance=float(distance), thresholds=self._model)
            grid = heatmap(maps, prediction.label)
            timings = {"predict": predict_ms, "explain": _ms(explaining, time.perf_counter())}
            results.append(Predicted(decoded=scan, prediction=prediction, grid=grid, timings=timings))
        return results


def focus_of(heat: npt.NDArray[np.float32], *, frame: Frame) -> Point:
    """The peak of a full-size map (H, W); the middle of what the network saw where the map is all zero."""
    height, width = heat.shape
    if not heat.any():
        middle_x, middle_y = frame.x + frame.side / 2, frame.y + frame.side / 2
        return Point(x=int(np.clip(middle_x, 0, width - 1)), y=int(np.clip(middle_y, 0, height - 1)))
    y, x = divmod(int(heat.argmax()), width)
    return Point(x=x, y=y)


def _in_words(prediction: Prediction) -> str:
    names = {"notumor": "No tumour"}
    name = names.get(prediction.label.value, prediction.label.value.capitalize())
    review = " - please review" if prediction.needs_review else ""
    share = f"{prediction.confidence:.0%}" if prediction.confidence < 0.995 else ">99%"  # never quite sure
    return f"{name} {share}{review}"


def _ms(start: float, end: float) -> float:
    return round((end - start) * 1000, 3)
