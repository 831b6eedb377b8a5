"""Random changes to a training image, and the same to its outline.

Geometry (mirror, rotate, scale, shift) moves picture and outline together. The rest takes away what tells
one scanner from another (resolution, noise, compression, coil shading, exposure), so that the tumour is what
is left to learn from.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Real = npt.NDArray[np.float32]


def augment(
    pixels: Pixels, outline: Pixels, *, size_px: int, rng: np.random.Generator, strength: float = 1.0
) -> tuple[Real, Pixels]:
    """One random variant.

    `pixels`: uint8 (S, S), `outline`: uint8 mask (S, S) with S >= size_px, a little larger so that the turn
    does not blur; `strength` in [0, 1] scales how often the scanner is forgotten and parts are erased. Returns
    float32 (size_px, size_px) in [0, 1] and the mask moved along, uint8.
    """
    matrix = _random_affine(pixels.shape[0], size_px=size_px, rng=rng)
    size = (size_px, size_px)
    moved = np.asarray(cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_LINEAR), np.uint8)
    mask = np.zeros(size, np.uint8)
    if outline.any():
        mask = np.asarray(cv2.warpAffine(outline, matrix, size, flags=cv2.INTER_LINEAR), np.uint8)
    return _erase(_forget_scanner(moved, strength=strength, rng=rng), mask, strength=strength, rng=rng), mask


def _random_affine(side: int, *, size_px: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """2 x 3 matrix from a (side, side) picture to a (size_px, size_px) one."""
    angle = rng.uniform(-20, 20)
    scale = size_px / side * rng.uniform(0.85, 1.15)
    matrix = np.asarray(cv2.getRotationMatrix2D((side / 2, side / 2), angle, scale), np.float64)
    shift = rng.uniform(-0.07, 0.07, size=2) * size_px
    matrix[:, 2] += (size_px - side) / 2 + shift
    if rng.random() < 0.5:
        matrix = np.array([[-1.0, 0, size_px - 1], [0, 1, 0], [0, 0, 1]])[:2, :2] @ matrix
        matrix[0, 2] += size_px - 1
    return np.asarray(matrix, np.float64)


def _forget_scanner(picture: Pixels, *, strength: float, rng: np.random.Generator) -> Real:
    if rng.random() < 0.25 * strength:
        picture = _lose_resolution(picture, rng=rng)
    if rng.random() < 0.2 * strength:
        picture = _compress(picture, rng=rng)
    values: Real = picture.astype(np.float32) * np.float32(1 / 255)
    if rng.random() < 0.15 * strength:
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), rng.uniform(0.4, 1.0)), np.float32)
    elif rng.random() < 0.15 * strength:
        values = values + np.float32(rng.uniform(0.2, 0.8)) * (values - cv2.GaussianBlur(values, (0, 0), 1.2))
    if rng.random() < 0.3 * strength:
        values = values * _coil_shading(values.shape[0], rng=rng)
    values = np.clip(values, 0, 1) ** np.float32(np.exp(rng.uniform(-0.45, 0.45)))
    values = values * np.float32(rng.uniform(0.85, 1.15)) + np.float32(rng.uniform(-0.05, 0.05))
    if rng.random() < 0.3 * strength:
        noise = rng.standard_normal(values.shape, np.float32)
        values = values + noise * np.float32(rng.uniform(0.01, 0.06))
    return np.asarray(np.clip(values, 0, 1), np.float32)


def _lose_resolution(picture: Pixels, *, rng: np.random.Generator) -> Pixels:
    side = picture.shape[0]
    small = int(side * rng.uniform(0.5, 0.9))
    shrunk = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(shrunk, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)


def _compress(picture: Pixels, *, rng: np.random.Generator) -> Pixels:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def _coil_shading(side: int, *, rng: np.random.Generator) -> Real:
    """A smooth field around 1, as the sensitivity of a receive coil leaves."""
    coarse = rng.uniform(0.7, 1.3, size=(4, 4)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)


def _erase(picture: Real, mask: Pixels, *, strength: float, rng: np.random.Generator) -> Real:
    """Cover a rectangle, never most of the tumour: without it the label would be wrong."""
    if rng.random() > 0.3 * strength:
        return picture
    side = picture.shape[0]
    height, width = rng.integers(side // 10, side // 4, size=2)
    top, left = rng.integers(0, side - height), rng.integers(0, side - width)
    covered = mask[top : top + height, left : left + width]
    if covered.any() and np.count_nonzero(covered) > 0.3 * np.count_nonzero(mask):
        return picture
    picture = picture.copy()
    picture[top : top + height, left : left + width] = rng.uniform(0, 0.6)
    return picture
