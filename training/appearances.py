"""What the gate is fitted on: how brain MRI looks as it is, mirrored, framed in another way, and without its skull.

In this data only some healthy brains come without a skull; a group that strips its scans must not be turned away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from training.augmentation.example import Example
from training.augmentation.stripped import Stripped
from training.dataset.slices import Slice, read_picture
from worker.inference.gate import Appearance, appearance_of, shrink
from worker.inference.modality import looks_like_ct
from worker.inference.preprocess import prepare

PREPARED_PX = 160
_STRIPPED_PX = 200
_STRIPPED = Stripped(share=1)
_SCALES = (0.75, 1.2)
_STRIPPED_SCALES = (0.45, 1.0)  # stripped volumes keep the frame of the head, and the brain fills less of it
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Appearances:
    """Of N scans; `variants`: of each, as many as there are."""

    as_they_are: Sequence[Appearance]
    variants: Sequence[Sequence[Appearance]]


def appearances(slices: Sequence[Slice], *, seed: int) -> Appearances:
    """Of every slice, as it is and varied."""
    rng = np.random.default_rng(seed)
    as_they_are, variants = [], []
    for item in slices:
        image = read_picture(item.path)
        as_they_are.append(_appearance(image))
        variants.append([_appearance(each) for each in _varied(image, rng=rng)])
    return Appearances(as_they_are, variants)


def is_ct(item: Slice, *, size_px: int) -> bool:
    """Whether a network of that size would never see a scan, as it looks like a CT, whatever its source calls it."""
    return looks_like_ct(prepare(read_picture(item.path), size_px=size_px).pixels)


def _varied(image: Pixels, *, rng: np.random.Generator) -> Iterator[Pixels]:
    yield np.ascontiguousarray(image[:, ::-1])
    yield _reframe(image, scales=_SCALES, rng=rng)
    prepared = np.rint(prepare(image, size_px=_STRIPPED_PX).pixels * 255).astype(np.uint8)
    stripped = _STRIPPED.strip(Example(prepared, np.zeros_like(prepared), label=0), rng=rng)
    if stripped.changed:
        yield _reframe(stripped.pixels, scales=_STRIPPED_SCALES, rng=rng)


def _appearance(image: Pixels) -> Appearance:
    return appearance_of(shrink(image), prepare(image, size_px=PREPARED_PX))


def _reframe(image: Pixels, *, scales: tuple[float, float], rng: np.random.Generator) -> Pixels:
    """Nearer or farther, and moved a little."""
    height, width = image.shape
    scale = rng.uniform(*scales)
    x, y = rng.uniform(-0.05, 0.05, size=2)
    matrix = np.array([[scale, 0, width * ((1 - scale) / 2 + x)], [0, scale, height * ((1 - scale) / 2 + y)]])
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR), np.uint8)
