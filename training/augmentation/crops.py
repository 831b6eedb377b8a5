"""Close-ups: a part of a head is healthy where its tumour is not in sight, whatever source it comes from.

Nothing is blended, so nothing shows that a close-up of a tumour patient's healthy side was made, and the label no
longer follows from the source.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from shared.domain import HEALTHY
from training.augmentation.example import IN_HEAD, Example, label_of_what_is_seen

_SIDES = (0.4, 0.8)  # of the picture's
_AT_A_TUMOUR = 0.5  # how often the close-up is of the tumour
_OFF_CENTRE = 0.3  # of the close-up's side, then
_LEAST_HEAD = 0.6  # of a close-up's pixels
_TRIES = 6


class Crops:
    """Shows, for a `share` in [0, 1] of examples, a part of them at the size of the whole."""

    def __init__(self, *, share: float) -> None:
        self._share = share

    def cut(self, example: Example, *, rng: np.random.Generator) -> Example:
        """A close-up of the example; itself where no outline tells what would be left of its tumour."""
        if not self._share or rng.random() >= self._share:
            return example
        if example.label != HEALTHY and not example.outline.any():
            return example
        found = (cropped(example, within=_square(example, rng=rng)) for _ in range(_TRIES))
        return next((crop for crop in found if crop is not None), example)


def cropped(example: Example, *, within: tuple[slice, slice]) -> Example | None:
    """The square `within` enlarged; None where it holds little of the head or what is left of a tumour is arguable."""
    pixels, outline = example.pixels[within], example.outline[within]
    seen = np.zeros(example.outline.shape, bool)
    seen[within] = True
    label = label_of_what_is_seen([(example, seen)])
    if label is None or (pixels > IN_HEAD).mean() < _LEAST_HEAD:
        return None
    size = example.pixels.shape
    enlarged = [np.asarray(cv2.resize(part, size), np.uint8) for part in (pixels, outline)]
    return Example(enlarged[0], enlarged[1] if label != HEALTHY else np.zeros(size, np.uint8), label, changed=True)


def _square(example: Example, *, rng: np.random.Generator) -> tuple[slice, slice]:
    """Rows and columns, of the tumour or anywhere."""
    side = example.pixels.shape[0]
    length = int(side * rng.uniform(*_SIDES))
    first = rng.uniform(0, side - length, size=2)
    if example.outline.any() and rng.random() < _AT_A_TUMOUR:
        middle = np.argwhere(example.outline).mean(axis=0) + rng.uniform(-_OFF_CENTRE, _OFF_CENTRE, size=2) * length
        first = middle - length / 2
    at: npt.NDArray[np.int64] = np.clip(first, 0, side - length).astype(np.int64)
    return slice(int(at[0]), int(at[0]) + length), slice(int(at[1]), int(at[1]) + length)
