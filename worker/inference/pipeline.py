"""One scan's way through the stages: decode -> preprocess -> predict -> explain -> render.

The stages are separate methods, so that a caller can overlap them or stop between them; `run` does all of them
for a few sources. A source that cannot be read becomes `Rejected` and touches no other.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from shared.errors import InvalidScan
from shared.heatmaps import Frame, lay_out
from shared.images import read_image
from shared.opened import Opened
from worker.inference.gate import Gate, check_single, shrink
from worker.inference.gradcam import heatmap
from worker.inference.predict import Thresholds, classify
from worker.inference.preprocess import prepare
from worker.inference.render import heatmap_png, overlay
from worker.inference.types import Decoded, Explained, Inference, Point, Predicted, Prediction, Rejected, Source

_MOST_AT_ONCE = 32  # scans in one forward pass: more is no faster on a CPU and needs more memory
MOST_PIXELS_AT_ONCE = 16 * 1024 * 1024  # of decoded scans that wait for it: 64 of 512 x 512, or one of the largest


class Network(Thresholds, Protocol):
    """What the pipeline needs of a `worker.inference.model.Model`."""

    @property
    def size_px(self) -> int:
        """Side of the square that the network sees."""

    @property
    def gate(self) -> Gate | None:
        """What turns away pictures that are no brain MRI, if the bundle has it."""

    def infer(self, batch: npt.NDArray[np.float32]) -> Inference:
        """(N, S, S, 1) -> logits (N, 4), class maps (N, g, g, 4), distances (N,), the gate's distances (N,)."""


class ImageReader(Protocol):
    """What the pipeline needs of a `shared.decoder.Decoder`."""

    def read_each(self, sources: Sequence[tuple[bytes | Path, int]]) -> Generator[Opened]:
        """Of each file and frame the picture, in order."""


class InProcessReader:
    """Reads files in this process, for files that are one's own."""

    def __init__(self, *, max_pixels: int) -> None:
        self._max_pixels = max_pixels

    def read_each(self, sources: Sequence[tuple[bytes | Path, int]]) -> Generator[Opened]:
        """As `shared.images.read_image` reads them."""
        for source, frame in sources:
            started = time.perf_counter()
            image = self._read(source, frame)
            yield Opened(image, _ms(started, time.perf_counter()))

    def _read(self, source: bytes | Path, frame: int) -> npt.NDArray[np.uint8] | Exception:
        try:
            data = source.read_bytes() if isinstance(source, Path) else source
            return read_image(data, frame=frame, max_pixels=self._max_pixels)
        except (InvalidScan, OSError) as error:
            return error


class Pipeline:
    """The stages around one model; holds no state of a scan, so it may be shared between threads."""

    def __init__(
        self,
        model: Network,
        *,
        max_pixels: int,
        reader: ImageReader | None = None,
        gated: bool = True,
        most_pixels_at_once: int = MOST_PIXELS_AT_ONCE,
    ) -> None:
        """Without a `reader`, files are read in this process, up to `max_pixels`; `gated`: ask the model's gate.

        `most_pixels_at_once`: once the pictures that wait have so many, they are classified.
        """
        self.most_pixels_at_once = most_pixels_at_once
        self._model = model
        self._gate = model.gate if gated else None
        self._reader = reader or InProcessReader(max_pixels=max_pixels)

    def run(self, sources: Sequence[Source]) -> list[Explained | Rejected]:
        """Every source's outcome, in input order."""
        outcomes: list[Explained | Rejected] = []
        waiting: list[Decoded | Rejected] = []
        for item in self.decode_all(sources):
            waiting.append(item)
            if sum(scan.image.size for scan in waiting if isinstance(scan, Decoded)) >= self.most_pixels_at_once:
                outcomes += self._finish(waiting)
                waiting = []
        return outcomes + self._finish(waiting)

    def decode(self, source: Source) -> Decoded | Rejected:
        """Read one source and prepare it for the network."""
        return next(self.decode_all([source]))

    def decode_all(self, sources: Sequence[Source]) -> Iterator[Decoded | Rejected]:
        """Read sources and prepare them for the network, one after the other."""
        with closing(self.read(sources)) as opened:
            yield from map(self.prepare, opened)

    def read(self, sources: Sequence[Source]) -> Generator[Opened]:
        """The pictures in the sources, in order; close it where not all of them are taken."""
        return self._reader.read_each([(source.data, source.frame) for source in sources])

    def prepare(self, opened: Opened) -> Decoded | Rejected:
        """What the network sees of a picture, unless it is to be turned away; raises why it could not be read."""
        image = opened.image
        if isinstance(image, InvalidScan):
            return Rejected(code=image.code, message=image.message)
        if isinstance(image, Exception):
            raise image
        started = time.perf_counter()
        strangeness = 0.0
        try:
            prepared = prepare(image, size_px=self._model.size_px)
            shrunk = shrink(image)
            check_single(shrunk)
            if self._gate is not None:
                strangeness = self._gate.check(shrunk, prepared)
        except InvalidScan as error:
            return Rejected(code=error.code, message=error.message)
        timings = {"decode": round(opened.read_ms, 3), "preprocess": _ms(started, time.perf_counter())}
        return Decoded(image=image, prepared=prepared, timings=timings, strangeness=strangeness)

    def _finish(self, decoded: Sequence[Decoded | Rejected]) -> list[Explained | Rejected]:
        predicted = iter(self.predict([item for item in decoded if isinstance(item, Decoded)]))
        seen = [item if isinstance(item, Rejected) else next(predicted) for item in decoded]
        return [item if isinstance(item, Rejected) else self.render(item) for item in seen]

    def predict(self, scans: Sequence[Decoded]) -> list[Predicted | Rejected]:
        """Classify scans together; one forward pass gives both the logits and the maps that explain them.

        What the gate turns away by its distance from the training data is given no label.
        """
        results: list[Predicted | Rejected] = []
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

    def _predict_together(self, scans: Sequence[Decoded]) -> list[Predicted | Rejected]:
        started = time.perf_counter()
        batch = np.stack([scan.prepared.pixels for scan in scans])[..., None]
        inference = self._model.infer(batch)
        predict_ms = _ms(started, time.perf_counter()) / len(scans)
        results: list[Predicted | Rejected] = []
        for scan, logits, maps, distance, gate_distance in zip(scans, *inference, strict=True):
            explaining = time.perf_counter()
            if strange := self._check_again(scan, distance=float(gate_distance)):
                results.append(strange)
                continue
            prediction = classify(logits, distance=float(distance), thresholds=self._model)
            grid = heatmap(maps, prediction.label)
            timings = {"predict": predict_ms, "explain": _ms(explaining, time.perf_counter())}
            results.append(Predicted(decoded=scan, prediction=prediction, grid=grid, timings=timings))
        return results

    def _check_again(self, scan: Decoded, *, distance: float) -> Rejected | None:
        try:
            if self._gate is not None:
                self._gate.check_again(scan.strangeness, distance=distance)
        except InvalidScan as error:
            return Rejected(code=error.code, message=error.message)
        return None


def focus_of(heat: npt.NDArray[np.float32], *, frame: Frame) -> Point:
    """The peak of a full-size map (H, W); the middle of what the network saw where the map is all zero."""
    height, width = heat.shape
    y, x = divmod(int(heat.argmax()), width)
    if heat[y, x] == 0:
        middle_x, middle_y = frame.x + frame.side / 2, frame.y + frame.side / 2
        return Point(x=int(np.clip(middle_x, 0, width - 1)), y=int(np.clip(middle_y, 0, height - 1)))
    return Point(x=x, y=y)


def _in_words(prediction: Prediction) -> str:
    names = {"notumor": "No tumour"}
    name = names.get(prediction.label.value, prediction.label.value.capitalize())
    review = " - please review" if prediction.needs_review else ""
    share = f"{prediction.confidence:.0%}" if prediction.confidence < 0.995 else ">99%"  # never quite sure
    return f"{name} {share}{review}"


def _ms(start: float, end: float) -> float:
    return round((end - start) * 1000, 3)
