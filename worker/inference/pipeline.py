"""The whole way of a chunk of scans, pure: bytes in, outcomes out, in the same order.

Stages are methods of their own, so that a caller can overlap them or look at a cancel flag in between. A bad
file becomes a `Rejected` of its own and never touches its neighbours.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shared.errors import InvalidScan
from shared.heatmaps import lay_out
from worker.inference import gradcam, render
from worker.inference.decode import read_image
from worker.inference.model import Model
from worker.inference.predict import classify
from worker.inference.preprocess import prepare
from worker.inference.types import Decoded, Explained, Point, Predicted, Rejected, Source


class Pipeline:
    """Decode, preprocess, predict, explain and render with one model."""

    def __init__(self, model: Model, *, max_pixels: int) -> None:
        self._model = model
        self._max_pixels = max_pixels

    def run(self, sources: Sequence[Source]) -> list[Explained | Rejected]:
        """The outcome of each source, in input order."""
        decoded = [self.decode(source) for source in sources]
        readable = [item for item in decoded if isinstance(item, Decoded)]
        predicted = iter(self.predict(readable))
        return [item if isinstance(item, Rejected) else self.render(next(predicted)) for item in decoded]

    def decode(self, source: Source) -> Decoded | Rejected:
        """Read and prepare one source."""
        started = time.perf_counter()
        try:
            image = read_image(source.data, frame=source.frame, max_pixels=self._max_pixels)
            read = time.perf_counter()
            prepared = prepare(image, size_px=self._model.size_px)
        except InvalidScan as error:
            return Rejected(code=error.code, message=error.message)
        timings = {"decode": _ms(started, read), "preprocess": _ms(read, time.perf_counter())}
        return Decoded(image=image, prepared=prepared, timings=timings)

    def predict(self, decoded: Sequence[Decoded]) -> list[Predicted]:
        """One forward pass over all of them: label and map come from the same numbers."""
        if not decoded:
            return []
        started = time.perf_counter()
        batch = np.stack([item.prepared.pixels for item in decoded])[..., np.newaxis]
        logits, class_maps = self._model.infer(batch)
        predict_ms = _ms(started, time.perf_counter()) / len(decoded)
        return [
            self._explain(item, logits=logits[at], class_maps=class_maps[at], predict_ms=predict_ms)
            for at, item in enumerate(decoded)
        ]

    def _explain(
        self,
        decoded: Decoded,
        *,
        logits: npt.NDArray[np.float32],
        class_maps: npt.NDArray[np.float32],
        predict_ms: float,
    ) -> Predicted:
        started = time.perf_counter()
        prediction = classify(logits, temperature=self._model.temperature, review_below=self._model.review_below)
        grid = gradcam.heatmap(class_maps, prediction.label)
        timings = {
            **decoded.timings,
            "predict": round(predict_ms, 3),
            "explain": _ms(started, time.perf_counter()),
        }
        return Predicted(decoded=decoded, prediction=prediction, grid=grid, timings=timings)

    def render(self, predicted: Predicted) -> Explained:
        """Lay the map out over the image and draw the pictures."""
        started = time.perf_counter()
        image, frame = predicted.decoded.image, predicted.decoded.prepared.frame
        height, width = image.shape
        heat = lay_out(predicted.grid, frame=frame, width=width, height=height)
        row, column = np.unravel_index(int(heat.argmax()), heat.shape)
        prediction = predicted.prediction
        overlay = render.overlay(image, heat, label=prediction.label, probability=prediction.confidence)
        heatmap_png = render.heatmap_png(heat)
        return Explained(
            prediction=prediction,
            grid=predicted.grid,
            frame=frame,
            width=width,
            height=height,
            focus=Point(x=int(column), y=int(row)),
            overlay=overlay,
            heatmap_png=heatmap_png,
            timings={**predicted.timings, "render": _ms(started, time.perf_counter())},
        )


def _ms(start_s: float, end_s: float) -> float:
    return round(1000 * (end_s - start_s), 3)
