"""Pictures that part the tumour from the scanner: a tumour taken out of its head, or put into a healthy one.

Every outlined tumour comes from one source and nearly every healthy brain from another, so a network may learn the
source instead of the tumour. A tumour slice whose tumour is replaced by healthy tissue is a healthy brain of the
tumours' source; a tumour blended into a healthy brain is a tumour of the healthy brains' source. Blending itself
leaves traces, and as both come with it, the traces tell nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from shared.domain import HEALTHY
from training.augmentation.example import IN_HEAD, Example
from training.augmentation.likeness import mirror_axis, mirrored, most_alike, shapes_of
from training.dataset.slices import Examples

Pixels = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]

_LEAST_IN_HEAD = 0.9
_SCALES = (0.6, 1.7)  # of brightness; beyond, a tumour is no longer seen for what it is
_LEAST_ALIKE = 0.93  # correlation; what a healthy brain is most like reaches 0.98
_MOST_ASKED, _MOST_KEPT = 200, 4
_HOSTS = 30
_TRIES = 4
_MASK_SIDE = 50


class Counterfactuals:
    """Draws examples, a `share` in [0, 1] of those that can be changed as their counterfactuals."""

    def __init__(self, examples: Examples, *, share: float) -> None:
        self._examples = examples
        self._share = share
        self._axes: Mapping[int, float] = {}
        self._donors: Mapping[int, Places] = {}
        self._tumours_for: Mapping[int, Places] = {}
        if share:
            self._find_pairs()

    def draw(self, which: int, *, rng: np.random.Generator) -> Example:
        """Example `which`, or its counterfactual; itself where it has none."""
        plain = self._plain(which)
        if not self._share or rng.random() >= self._share:
            return plain
        changed = self._planted if plain.label == HEALTHY else self._healed
        return changed(which, plain, rng=rng) or plain

    def _find_pairs(self) -> None:
        """Which tumours each healthy brain may take, and by what each tumour may be replaced."""
        examples = self._examples
        shapes = shapes_of(examples.pixels)
        tumours = np.flatnonzero(examples.outlines.any(axis=(1, 2)))
        healthy = np.flatnonzero(examples.labels == HEALTHY)
        self._axes = {int(at): axis for at in tumours if (axis := mirror_axis(examples.pixels[at])) is not None}
        alike = most_alike(shapes[tumours], shapes[tumours], most=_MOST_ASKED, least=_LEAST_ALIKE)
        masks = [cv2.resize(_widened(examples.outlines[at], by=5), (_MASK_SIDE, _MASK_SIDE)) > 0 for at in tumours]
        self._donors = {
            int(at): tumours[_apart(masks[place], masks, others)[:_MOST_KEPT]]
            for place, (at, others) in enumerate(zip(tumours, alike, strict=True))
        }
        hosts = most_alike(shapes[healthy], shapes[tumours], most=_HOSTS, least=_LEAST_ALIKE)
        self._tumours_for = {int(at): tumours[found] for at, found in zip(healthy, hosts, strict=True)}

    def _plain(self, which: int) -> Example:
        examples = self._examples
        return Example(examples.pixels[which], examples.outlines[which], int(examples.labels[which]))

    def _healed(self, which: int, example: Example, *, rng: np.random.Generator) -> Example | None:
        donors: list[Example] = [self._plain(int(at)) for at in self._donors.get(which, ())]
        if which in self._axes:
            axis = self._axes[which]
            sides = [mirrored(picture, axis=axis) for picture in (example.pixels, example.outline)]
            # Its own other side as often as all other heads together.
            donors += [Example(sides[0], sides[1], example.label)] * max(1, len(donors))
        if not donors:
            return None
        return healed(example, donor=donors[rng.integers(len(donors))])

    def _planted(self, which: int, example: Example, *, rng: np.random.Generator) -> Example | None:
        tumours = self._tumours_for.get(which, ())
        for _ in range(_TRIES if len(tumours) else 0):
            tumour = self._plain(int(rng.choice(tumours)))
            if (result := planted(tumour, into=example, rng=rng)) is not None:
                return result
        return None


def healed(example: Example, *, donor: Example) -> Example | None:
    """The head with its tumour replaced by the donor's tissue; None where that holds tumour or no head."""
    if (_widened(example.outline, by=5) & _widened(donor.outline, by=5)).any():
        return None
    if _share_in_head(donor.pixels, example.outline) < _LEAST_IN_HEAD:
        return None
    blended = _blend(donor.pixels, into=example.pixels, outline=example.outline)
    return Example(blended, np.zeros_like(example.outline), HEALTHY, changed=True)


def planted(tumour: Example, *, into: Example, rng: np.random.Generator) -> Example | None:
    """`into` with the tumour near the place where it was in its own head; None where no head is there."""
    side = into.pixels.shape[0]
    matrix = np.asarray(cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(-12, 12), rng.uniform(0.85, 1.1)))
    matrix[:, 2] += rng.uniform(-0.04, 0.04, size=2) * side
    if rng.random() < 0.5:
        matrix = np.array([[-1.0, 0], [0, 1]]) @ matrix
        matrix[0, 2] += side - 1
    pixels, outline = (
        np.asarray(cv2.warpAffine(array, matrix, (side, side), flags=cv2.INTER_LINEAR), np.uint8)
        for array in (tumour.pixels, tumour.outline)
    )
    if not outline.any() or _share_in_head(into.pixels, outline) < _LEAST_IN_HEAD:
        return None
    return Example(_blend(pixels, into=into.pixels, outline=outline), outline, tumour.label, changed=True)


def _apart(mask: npt.NDArray[np.bool_], masks: Sequence[npt.NDArray[np.bool_]], others: Places) -> Places:
    """Those of `others` whose mask does not meet this one."""
    return np.array([at for at in others if not (mask & masks[at]).any()], np.int64)


def _blend(donor: Pixels, *, into: Pixels, outline: Pixels) -> Pixels:
    """`donor` inside the outline with a soft edge, as bright as its new surroundings make its old ones."""
    ring = (_widened(outline, by=8) & ~_widened(outline, by=3)) > 0
    scale = float(into[ring].mean() / max(1.0, donor[ring].mean())) if ring.any() else 1.0
    scaled = donor.astype(np.float32) * np.float32(np.clip(scale, *_SCALES))
    share = cv2.GaussianBlur(_widened(outline, by=3).astype(np.float32) / 255, (0, 0), 2.0)
    mixed = share * scaled + (1 - share) * into.astype(np.float32)
    return np.asarray(np.clip(np.rint(mixed), 0, 255), np.uint8)


def _widened(mask: Pixels, *, by: int) -> Pixels:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by + 1, 2 * by + 1))
    return np.asarray(cv2.dilate(np.where(mask > 127, 255, 0).astype(np.uint8), kernel), np.uint8)


def _share_in_head(picture: Pixels, mask: Pixels) -> float:
    inside = mask > 127
    return float((picture[inside] > IN_HEAD).mean()) if inside.any() else 0.0
