"""Gives a picture the greys of another: sequence, contrast agent and window differ between sources more than brains do.

Histogram matching within the head (Nyul & Udupa 1999 did so to make scanners alike; here it makes a scanner's greys no
sign of a label). It keeps the order of greys, so what was brighter than its surroundings stays so.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from training.augmentation.example import IN_HEAD

Pixels = npt.NDArray[np.uint8]

_LEVELS = 256
_LEAST_STRENGTH = 0.3


class OtherGreys:
    """Draws, for a `share` in [0, 1] of pictures, the greys of a random one of `pixels` (N, S, S)."""

    def __init__(self, pixels: Pixels, *, share: float) -> None:
        self._share = share
        drawn = pixels if share else pixels[:0]
        self._greys = np.array([_quantiles(picture) for picture in drawn], np.float32).reshape(-1, _LEVELS)

    def exchange(self, picture: Pixels, *, rng: np.random.Generator) -> Pixels:
        """The picture uint8 (S, S), or the same in another's greys, wholly or in part."""
        if not self._share or rng.random() >= self._share:
            return picture
        other = self._greys[rng.integers(len(self._greys))]
        strength = np.float32(rng.uniform(_LEAST_STRENGTH, 1))
        return _matched(picture, other, strength=strength)


def in_greys_of(picture: Pixels, other: Pixels) -> Pixels:
    """The picture uint8 (S, S) in the greys of another one."""
    return _matched(picture, _quantiles(other), strength=np.float32(1))


def _quantiles(picture: Pixels) -> npt.NDArray[np.float32]:
    """The greys within the head, from the darkest to the brightest in 256 steps of equal area."""
    inside = picture[picture >= IN_HEAD]
    if not len(inside):
        return np.linspace(IN_HEAD, _LEVELS - 1, _LEVELS, dtype=np.float32)
    return np.quantile(inside, np.linspace(0, 1, _LEVELS)).astype(np.float32)


def _matched(picture: Pixels, greys: npt.NDArray[np.float32], *, strength: np.float32) -> Pixels:
    counts = np.bincount(picture.ravel(), minlength=_LEVELS).astype(np.float64)
    counts[:IN_HEAD] = 0
    if not counts.any():
        return picture
    rank = (np.cumsum(counts) - counts / 2) / counts.sum()
    table = np.arange(_LEVELS, dtype=np.float32)
    matched = np.interp(rank[IN_HEAD:] * (_LEVELS - 1), np.arange(_LEVELS), greys)
    table[IN_HEAD:] += strength * (matched - table[IN_HEAD:]).astype(np.float32)
    return np.asarray(cv2.LUT(picture, np.clip(np.rint(table), 0, 255).astype(np.uint8)), np.uint8)
