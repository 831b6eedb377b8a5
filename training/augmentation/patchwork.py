"""Pictures sewn together of two heads: the source that tissue comes from then says nothing of the label.

A rectangle of one head is laid over another (CutMix, Yun et al. 2019), but the label is not a mixture: the outlines
tell whether a tumour is left. Healthy patches cover tumours, tumours lie in patches of healthy heads, and seams run
through pictures of either kind. Half the patches take on the greys of the head they are laid over, and seams are hard
or soft, so that no network can know a sewn picture by them and answer others by their source.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from shared.domain import HEALTHY
from training.augmentation.example import Example, label_of_what_is_seen
from training.augmentation.greys import in_greys_of
from training.dataset.slices import Examples

Pixels = npt.NDArray[np.uint8]

_SIDES = (0.25, 0.7)  # of the picture's
_AT_A_TUMOUR = 0.5  # how often the rectangle is laid around one
_OFF_CENTRE = 0.1  # of the picture's side, then
_SOFTEST = 6.0  # px, standard deviation of a seam


class Patchwork:
    """Lays, for a `share` in [0, 1] of examples, a rectangle of another one over them."""

    def __init__(self, examples: Examples, *, share: float) -> None:
        self._examples = examples
        self._share = share
        healthy = examples.labels == HEALTHY
        self._kinds = [np.flatnonzero(healthy), np.flatnonzero(~healthy & examples.outlines.any(axis=(1, 2)))]

    def sew(self, example: Example, *, rng: np.random.Generator) -> Example:
        """The example under a rectangle of another; itself where no outline tells what would be left of its tumour."""
        if not self._share or rng.random() >= self._share:
            return example
        kind = self._kinds[rng.integers(2)]
        if not len(kind) or (example.label != HEALTHY and not example.outline.any()):
            return example
        patch = self._drawn(int(rng.choice(kind)), mirrored=bool(rng.random() < 0.5))
        tumours = [one.outline for one in (example, patch) if one.outline.any()]
        if rng.random() < 0.5:
            patch = replace(patch, pixels=in_greys_of(patch.pixels, example.pixels))
        softness = max(0.0, rng.uniform(-_SOFTEST, _SOFTEST))
        within = _rectangle(example.pixels.shape[0], tumours, rng=rng)
        return sewn(example, patch, within=within, softness=softness) or example

    def _drawn(self, which: int, *, mirrored: bool) -> Example:
        arrays = self._examples.pixels[which], self._examples.outlines[which]
        pixels, outline = (array[:, ::-1] if mirrored else array for array in arrays)
        return Example(pixels, outline, int(self._examples.labels[which]))


def sewn(example: Example, patch: Example, *, within: tuple[slice, slice], softness: float = 0.0) -> Example | None:
    """`example` with `patch` in the rectangle `within`; None where what is left of a tumour is a matter of opinion.

    `softness`: standard deviation of the seam in px.
    """
    inside = np.zeros(example.pixels.shape, bool)
    inside[within] = True
    parts = (example, ~inside), (patch, inside)
    label = label_of_what_is_seen(parts)
    if label is None:
        return None
    pixels = _mixed(patch.pixels, example.pixels, inside, softness=softness)
    outline = np.where(inside, patch.outline, example.outline)
    return Example(pixels, outline if label != HEALTHY else np.zeros_like(outline), label, changed=True)


def _mixed(patch: Pixels, under: Pixels, inside: npt.NDArray[np.bool_], *, softness: float) -> Pixels:
    if softness < 0.5:  # px
        return np.where(inside, patch, under)
    share = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), softness)
    return np.asarray(np.rint(share * patch + (1 - share) * under), np.uint8)


def _rectangle(side: int, tumours: list[Pixels], *, rng: np.random.Generator) -> tuple[slice, slice]:
    """Rows and columns, around one of the tumours or anywhere."""
    lengths = (side * rng.uniform(*_SIDES, size=2)).astype(int)
    middle = rng.uniform(0, side, size=2)
    if tumours and rng.random() < _AT_A_TUMOUR:
        inside = np.argwhere(tumours[rng.integers(len(tumours))])
        middle = inside.mean(axis=0) + rng.uniform(-_OFF_CENTRE, _OFF_CENTRE, size=2) * side
    first = np.clip((middle - lengths / 2).astype(int), 0, side - lengths)
    return slice(first[0], first[0] + lengths[0]), slice(first[1], first[1] + lengths[1])
