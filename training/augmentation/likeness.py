"""Which pictures, or sides of one, show about the same cut through a head, so that a part of one fits the other."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Real = npt.NDArray[np.float32]

_SIDE = 48
_BLUR = 1.5
_MIRROR_SIDE = 64
_LIKE_ITS_MIRROR = 0.75  # correlation; cuts from front to back reach 0.6


def shapes_of(pixels: Pixels) -> Real:
    """Each of (N, S, S) as a vector of length 1, float32 (N, 2304): products of two are correlations of the pictures.

    Blurred, and by the logarithm of greys, so that it is the head that is compared and not its sequence.
    """
    shapes = np.empty((len(pixels), _SIDE * _SIDE), np.float32)
    for at, picture in enumerate(pixels):
        small = cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        soft = np.log1p(cv2.GaussianBlur(small, (0, 0), _BLUR) / 16).ravel()
        centred = soft - soft.mean()
        shapes[at] = centred / max(float(np.linalg.norm(centred)), 1e-6)
    return shapes


def most_alike(one: Real, others: Real, *, most: int, least: float) -> list[npt.NDArray[np.int64]]:
    """For each row of `one` the places of at most `most` rows of `others` that correlate by `least` or more.

    The most alike come first. A row is never alike itself: what correlates by 1 is left out.
    """
    found = []
    for start in range(0, len(one), 256):
        for row in one[start : start + 256] @ others.T:
            row[row > 1 - 1e-5] = -1
            best = np.argsort(-row)[:most]
            found.append(np.asarray(best[row[best] >= least], np.int64))
    return found


def mirror_axis(picture: Pixels) -> float | None:
    """The column that the head (S, S) is most alike on both sides of; None where no column makes it alike.

    Twice the axis is the column that column 0 is mirrored to.
    """
    small = cv2.resize(picture, (_MIRROR_SIDE, _MIRROR_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    small = np.asarray(cv2.GaussianBlur(small, (0, 0), _BLUR), np.float32)
    best, at = max((_correlation(small, small[:, ::-1], shift), shift) for shift in range(-8, 9))
    return (_MIRROR_SIDE - 1 + at) / 2 * picture.shape[0] / _MIRROR_SIDE if best >= _LIKE_ITS_MIRROR else None


def mirrored(picture: Pixels, *, axis: float) -> Pixels:
    """The picture (S, S) with left and right of the axis exchanged."""
    matrix = np.array([[-1.0, 0, 2 * axis], [0, 1, 0]])
    return np.asarray(cv2.warpAffine(picture, matrix, picture.shape[::-1], flags=cv2.INTER_LINEAR), np.uint8)


def _correlation(picture: Real, flipped: Real, shift: int) -> float:
    side = picture.shape[1]
    left, right = max(0, shift), min(side, side + shift)
    one, other = picture[:, left:right], flipped[:, left - shift : right - shift]
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
