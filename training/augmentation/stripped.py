"""Heads without scalp and skull, as research groups submit them.

In this data only healthy brains come so, and scalp and skull tell a source better than brains do. Opening until the
brain parts from what is around it is the oldest way of brain extraction (Atkins & Mackiewich 1998 go on from there); it
is rough: an outlined tumour is always kept, one without an outline may lose a part.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from training.augmentation.example import IN_HEAD, Example

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.uint8]

_LEVELS = (0.35, 0.75)  # of the head's median: darker than that is skull, fluid or air
_WIDTHS = (0.02, 0.03, 0.045, 0.06)  # of the picture's side: of what is opened, until the brain parts
_LEAST_BRAIN, _MOST_BRAIN = 0.25, 0.85  # of the head's area
_EDGE = 0.025  # of the side: how far the scalp's outer layer reaches in
_AT_THE_EDGE = 0.12  # of that layer may be brain
_AROUND_A_TUMOUR = 0.02  # of the side, kept
_MARGIN = 0.03  # left around the brain, as `prepare` leaves it


class Stripped:
    """Shows, for a `share` in [0, 1] of examples, the brain alone."""

    def __init__(self, *, share: float) -> None:
        self._share = share

    def strip(self, example: Example, *, rng: np.random.Generator) -> Example:
        """The example without what lies around the brain, enlarged; itself where brain and skull do not part."""
        if not self._share or rng.random() >= self._share:
            return example
        brain = brain_of(example.pixels, level=rng.uniform(*_LEVELS))
        return example if brain is None else _alone(example, brain)


def brain_of(picture: Pixels, *, level: float = 0.5) -> Mask | None:
    """Mask (S, S) of 0 or 1 of the brain; None where it does not part from the skull, or there is none."""
    side = picture.shape[0]
    head = _filled(np.asarray(picture >= IN_HEAD, np.uint8))
    if not head.any():
        return None
    outermost = head - _eroded(head, _EDGE * side)
    bright = np.asarray(picture >= level * np.median(picture[head > 0]), np.uint8)
    for width in _WIDTHS:
        brain = _filled(_dilated(_largest(_eroded(bright, width * side)), width * side))
        share = brain.sum() / head.sum()
        if share < _LEAST_BRAIN:
            return None
        if share <= _MOST_BRAIN and (brain & outermost).sum() <= _AT_THE_EDGE * outermost.sum():
            return brain
    return None


def _alone(example: Example, brain: Mask) -> Example:
    side = len(brain)
    kept = brain | _dilated(np.asarray(example.outline > 0, np.uint8), _AROUND_A_TUMOUR * side)
    left, top, width, height = cv2.boundingRect(kept)
    longer = max(width, height) * (1 + 2 * _MARGIN)
    scale = side / longer
    middle = (left + width / 2, top + height / 2)
    matrix = np.array([[scale, 0, side / 2 - scale * middle[0]], [0, scale, side / 2 - scale * middle[1]]])
    bright = max(float(np.quantile(example.pixels[kept > 0], 0.995)), 1)
    pixels = np.clip(example.pixels.astype(np.float32) * kept * (255 / bright), 0, 255).astype(np.uint8)
    moved = [np.asarray(cv2.warpAffine(part, matrix, (side, side)), np.uint8) for part in (pixels, example.outline)]
    return Example(moved[0], moved[1], example.label, changed=True)


def _largest(mask: Mask) -> Mask:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    if count < 2:
        return np.zeros_like(mask)
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()), np.uint8)


def _filled(mask: Mask) -> Mask:
    """Without holes."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(np.zeros_like(mask), outlines, -1, 1, cv2.FILLED), np.uint8)


def _eroded(mask: Mask, radius: float) -> Mask:
    return np.asarray(cv2.erode(mask, _disc(radius)), np.uint8)


def _dilated(mask: Mask, radius: float) -> Mask:
    return np.asarray(cv2.dilate(mask, _disc(radius)), np.uint8)


def _disc(radius: float) -> Mask:
    size = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)
