"""Scores a model as it is served: the same decoding, the same heatmap of the predicted class, the same peak.

A heatmap is held against the outline that a radiologist drew: does its peak point at the tumour (the pointing game,
Zhang et al. 2018), how much of it lies there, and would the picture alone have done as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from shared.domain import CLASSES, HEALTHY
from shared.errors import InvalidScan
from shared.heatmaps import Frame, lay_out
from training.dataset.slices import Slice, outline_in_image
from training.evaluation.scores import HeatmapScore, ScanScore
from worker.inference.pipeline import Network, Pipeline, focus_of
from worker.inference.predict import Thresholds
from worker.inference.types import Decoded, Point, Predicted, Rejected, Source

Mask = npt.NDArray[np.bool_]

_MAX_PIXELS = 100_000_000
_CHUNK = 32
_HEAD_LEVEL = 0.10  # of the way from background to bright tissue, as in preprocess.py


def score(model: Network, slices: Sequence[Slice], *, report: Callable[[str], None] = print) -> list[ScanScore]:
    """Classify and explain every slice; no gate is asked.

    Raises InvalidScan where one cannot be read: they are all good scans.
    """
    pipeline = Pipeline(model, max_pixels=_MAX_PIXELS, gated=False)
    scores: list[ScanScore] = []
    for start in range(0, len(slices), _CHUNK):
        chunk = slices[start : start + _CHUNK]
        predicted = pipeline.predict(list(_decoded(pipeline, chunk)))
        scores += [
            _score(item, result, calibrated_by=model)
            for item, result in zip(chunk, predicted, strict=True)
            if isinstance(result, Predicted)  # all are: no gate is asked
        ]
        report(f"scored {len(scores)} of {len(slices)}")
    return scores


def score_heatmap(
    heat: npt.NDArray[np.float32], image: npt.NDArray[np.uint8], outline: npt.NDArray[np.float32], *, frame: Frame
) -> HeatmapScore:
    """A full-size map (H, W) over its image, against an outline float32 (n, 2) of (x, y) in the image's pixels."""
    inside, box = _fill(outline, shape=image.shape), _box(outline, shape=image.shape)
    head = head_mask(image)
    centre = Point(x=round(frame.x + frame.side / 2), y=round(frame.y + frame.side / 2))
    peak, brightest = focus_of(heat, frame=frame), _brightest(image)
    energy = max(float(heat.sum()), 1e-9)
    return HeatmapScore(
        area=float(inside.mean()),
        peak_in_box=_at(box, peak),
        peak_in_outline=_at(inside, peak),
        energy_in_box=float(heat[box].sum()) / energy,
        energy_in_outline=float(heat[inside].sum()) / energy,
        iou=_overlap(heat >= 0.5, inside),
        centre_in_box=_at(box, centre),
        centre_in_outline=_at(inside, centre),
        brightest_in_box=_at(box, brightest),
        brightest_in_outline=_at(inside, brightest),
        uniform_in_box=float((head & box).sum() / max(1, head.sum())),
        uniform_in_outline=float((head & inside).sum() / max(1, head.sum())),
        centre_iou=_overlap(_disc(centre, like=inside), inside),
        brightest_iou=_overlap(_disc(brightest, like=inside), inside),
        uniform_iou=_overlap(head, inside),
    )


def head_mask(image: npt.NDArray[np.uint8]) -> Mask:
    """Where the head is, holes filled: bool (H, W)."""
    smooth = cv2.GaussianBlur(image, (5, 5), 0)
    dark, bright = np.percentile(smooth, (2.0, 99.0))
    tissue = (smooth > dark + _HEAD_LEVEL * (bright - dark)).astype(np.uint8)
    contours, _ = cv2.findContours(tissue, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = np.zeros_like(tissue)
    if contours:
        cv2.drawContours(filled, [max(contours, key=cv2.contourArea)], -1, 1, thickness=cv2.FILLED)
    return np.asarray(filled > 0, np.bool_)


def _decoded(pipeline: Pipeline, chunk: Sequence[Slice]) -> Iterator[Decoded]:
    for item in chunk:
        decoded = pipeline.decode(Source(item.path.read_bytes()))
        if isinstance(decoded, Rejected):
            raise InvalidScan(f"{item.file} was rejected: {decoded.message}", code=decoded.code)
        yield decoded


def _score(item: Slice, result: Predicted, *, calibrated_by: Thresholds) -> ScanScore:
    shares = np.array([result.prediction.probabilities[label] for label in CLASSES])
    scaled = np.log(np.maximum(shares, 1e-12))
    scaled[HEALTHY] -= calibrated_by.healthy_offset
    logits = calibrated_by.temperature * scaled
    return ScanScore(
        file=item.file,
        label=item.label,
        source=item.source,
        patient=item.patient,
        fold=item.fold,
        logits=tuple(logits.tolist()),
        distance=result.prediction.distance,
        heatmap=_score_outlined(item, result),
    )


def _score_outlined(item: Slice, result: Predicted) -> HeatmapScore | None:
    if item.outline is None:
        return None
    image, frame = result.decoded.image, result.decoded.prepared.frame
    height, width = image.shape
    heat = lay_out(result.grid, frame=frame, width=width, height=height)
    return score_heatmap(heat, image, outline_in_image(item.outline, width=width, height=height), frame=frame)


def _fill(outline: npt.NDArray[np.float32], *, shape: tuple[int, ...]) -> Mask:
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 1)
    return np.asarray(mask > 0, np.bool_)


def _box(outline: npt.NDArray[np.float32], *, shape: tuple[int, ...]) -> Mask:
    """The pixels of the smallest upright rectangle around the outline."""
    left, top = np.rint(outline.min(axis=0)).astype(int)
    right, bottom = np.rint(outline.max(axis=0)).astype(int)
    mask = np.zeros(shape, np.bool_)
    mask[max(0, top) : bottom + 1, max(0, left) : right + 1] = True
    return mask


def _brightest(image: npt.NDArray[np.uint8]) -> Point:
    """The brightest place, a little smoothed: many pictures have many pixels at 255."""
    smooth = cv2.GaussianBlur(image.astype(np.float32), (0, 0), max(1.0, max(image.shape) / 128))
    y, x = divmod(int(smooth.argmax()), image.shape[1])
    return Point(x=x, y=y)


def _disc(centre: Point, *, like: Mask) -> Mask:
    """A disc of as many pixels as `like` has, as far as it lies in the picture: who points there is told the size."""
    height, width = like.shape
    y, x = np.ogrid[:height, :width]
    return np.asarray((x - centre.x) ** 2 + (y - centre.y) ** 2 <= like.sum() / np.pi, np.bool_)


def _overlap(one: Mask, other: Mask) -> float:
    """Intersection over union."""
    return float((one & other).sum() / max(1, (one | other).sum()))


def _at(mask: Mask, point: Point) -> float:
    height, width = mask.shape
    return float(mask[min(max(point.y, 0), height - 1), min(max(point.x, 0), width - 1)])
