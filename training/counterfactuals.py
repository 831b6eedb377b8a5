"""Pictures that part the tumour from the scanner: a tumour taken out of its head, or put into a healthy one.

Every outlined tumour comes from one source and nearly every healthy brain from another, so a network may learn the
source instead of the tumour. A tumour slice whose tumour is replaced by the other side of the head is a healthy brain
of the tumours' source; a tumour blended into a healthy brain is a tumour of the healthy brains' source. Blending itself
leaves traces, and as both come with it, the traces tell nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from shared.domain import TumorClass
from training.data import CLASSES, Examples

Pixels = npt.NDArray[np.uint8]

HEALTHY = CLASSES.index(TumorClass.NOTUMOR)
# A pituitary tumour lies in the midline, where there is no other side; and in few planes of a healthy head.
_MOVABLE = (CLASSES.index(TumorClass.GLIOMA), CLASSES.index(TumorClass.MENINGIOMA))
_LIKE_ITS_MIRROR = 0.75  # correlation; cuts from front to back reach 0.6
_IN_HEAD = 20  # grey value of 255
_LEAST_IN_HEAD = 0.9
_SCALES = (0.6, 1.7)  # of brightness; beyond, a tumour is no longer seen for what it is
_TRIES = 4


@dataclass(frozen=True)
class Example:
    """One picture as it goes into augmentation: uint8 (S, S), its outline mask uint8 (S, S), its class's place."""

    pixels: Pixels
    outline: Pixels
    label: int


class Counterfactuals:
    """Draws examples, a `share` in [0, 1] of those that can be changed as their counterfactuals."""

    def __init__(self, examples: Examples, *, share: float) -> None:
        self._examples = examples
        self._share = share
        has_outline = examples.outlines.any(axis=(1, 2))
        self._tumours = np.flatnonzero(has_outline & np.isin(examples.labels, _MOVABLE)) if share else np.array([], int)
        self._axes = {int(at): axis for at in self._tumours if (axis := mirror_axis(examples.pixels[at])) is not None}

    def draw(self, which: int, *, rng: np.random.Generator) -> Example:
        """Example `which`, or its counterfactual; itself where it has none."""
        plain = self._plain(which)
        if not self._share or rng.random() >= self._share:
            return plain
        if plain.label == HEALTHY and len(self._tumours):
            return self._planted(plain, rng=rng) or plain
        if which in self._axes:
            return healed(plain, axis=self._axes[which]) or plain
        return plain

    def _plain(self, which: int) -> Example:
        examples = self._examples
        return Example(examples.pixels[which], examples.outlines[which], int(examples.labels[which]))

    def _planted(self, into: Example, *, rng: np.random.Generator) -> Example | None:
        for _ in range(_TRIES):
            tumour = self._plain(int(rng.choice(self._tumours)))
            if (example := planted(tumour, into=into, rng=rng)) is not None:
                return example
        return None


def mirror_axis(picture: Pixels) -> float | None:
    """The column that the head (S, S) is most alike on both sides of; None where no column makes it alike.

    Twice the axis is the column that column 0 is mirrored to.
    """
    small = cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32)
    small = np.asarray(cv2.GaussianBlur(small, (0, 0), 1.5), np.float32)
    flipped = small[:, ::-1]
    best, at = max((_correlation(small, flipped, shift), shift) for shift in range(-8, 9))
    return (63 + at) / 2 * picture.shape[0] / 64 if best >= _LIKE_ITS_MIRROR else None


def _correlation(picture: npt.NDArray[np.float32], flipped: npt.NDArray[np.float32], shift: int) -> float:
    side = picture.shape[1]
    left, right = max(0, shift), min(side, side + shift)
    one, other = picture[:, left:right], flipped[:, left - shift : right - shift]
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def healed(example: Example, *, axis: float) -> Example | None:
    """The head with its tumour replaced by the other side; None where that side holds tumour or no head."""
    other_side = _mirrored(example.pixels, axis=axis)
    wide = _widened(example.outline, by=5)
    if (wide & _mirrored(wide, axis=axis)).any() or _share_in_head(other_side, example.outline) < _LEAST_IN_HEAD:
        return None
    blended = _blend(other_side, into=example.pixels, outline=example.outline)
    return Example(blended, np.zeros_like(example.outline), HEALTHY)


def planted(tumour: Example, *, into: Example, rng: np.random.Generator) -> Example | None:
    """`into` with the tumour near the place where it was in its own head; None where no head is there."""
    side = into.pixels.shape[0]
    matrix = np.asarray(cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(-20, 20), rng.uniform(0.8, 1.1)))
    matrix[:, 2] += rng.uniform(-0.06, 0.06, size=2) * side
    if rng.random() < 0.5:
        matrix = np.array([[-1.0, 0], [0, 1]]) @ matrix
        matrix[0, 2] += side - 1
    pixels, outline = (
        np.asarray(cv2.warpAffine(array, matrix, (side, side), flags=cv2.INTER_LINEAR), np.uint8)
        for array in (tumour.pixels, tumour.outline)
    )
    if not outline.any() or _share_in_head(into.pixels, outline) < _LEAST_IN_HEAD:
        return None
    return Example(_blend(pixels, into=into.pixels, outline=outline), outline, tumour.label)


def _blend(donor: Pixels, *, into: Pixels, outline: Pixels) -> Pixels:
    """`donor` inside the outline with a soft edge, as bright as its new surroundings make its old ones."""
    ring = (_widened(outline, by=8) & ~_widened(outline, by=3)) > 0
    scale = float(into[ring].mean() / max(1.0, donor[ring].mean())) if ring.any() else 1.0
    scaled = donor.astype(np.float32) * np.float32(np.clip(scale, *_SCALES))
    share = cv2.GaussianBlur(_widened(outline, by=3).astype(np.float32) / 255, (0, 0), 2.0)
    mixed = share * scaled + (1 - share) * into.astype(np.float32)
    return np.asarray(np.clip(np.rint(mixed), 0, 255), np.uint8)


def _mirrored(picture: Pixels, *, axis: float) -> Pixels:
    matrix = np.array([[-1.0, 0, 2 * axis], [0, 1, 0]])
    return np.asarray(cv2.warpAffine(picture, matrix, picture.shape[::-1], flags=cv2.INTER_LINEAR), np.uint8)


def _widened(mask: Pixels, *, by: int) -> Pixels:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by + 1, 2 * by + 1))
    return np.asarray(cv2.dilate(np.where(mask > 127, 255, 0).astype(np.uint8), kernel), np.uint8)


def _share_in_head(picture: Pixels, mask: Pixels) -> float:
    inside = mask > 127
    return float((picture[inside] > _IN_HEAD).mean()) if inside.any() else 0.0
