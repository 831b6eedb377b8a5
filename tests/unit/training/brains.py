"""Heads that differ from each other as people do, and what happens to a picture on its way through the web."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
import numpy.typing as npt

from neurobatch.phantoms import draw_head

Picture = npt.NDArray[np.uint8]


def draw_brain(seed: int, *, side_px: int = 200) -> Picture:
    """A drawn head with folds of its own."""
    head = draw_head(seed, side_px=side_px).astype(np.float32)
    coarse = np.random.default_rng(seed).uniform(0.4, 1.6, (14, 14)).astype(np.float32)
    folds = cv2.resize(coarse, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(head * folds, 0, 255), np.uint8)


def mirror(image: Picture) -> Picture:
    return np.ascontiguousarray(image[:, ::-1])


def compress(image: Picture) -> Picture:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 0), np.uint8)


def rescale(image: Picture) -> Picture:
    return np.asarray(cv2.resize(image, (224, 224), interpolation=cv2.INTER_AREA), np.uint8)


def crop(image: Picture) -> Picture:
    """2% of each side."""
    height, width = (round(0.02 * side) for side in image.shape)
    return np.ascontiguousarray(image[height:-height, width:-width])


def brighten(image: Picture) -> Picture:
    return np.asarray(np.rint(255 * (image / 255) ** 0.7), np.uint8)


def darken(image: Picture) -> Picture:
    return np.asarray(np.rint(255 * (image / 255) ** 1.4), np.uint8)


def all_of_it(image: Picture) -> Picture:
    return compress(brighten(rescale(mirror(crop(image)))))


VARIANTS: Mapping[str, Callable[[Picture], Picture]] = {
    change.__name__: change for change in (mirror, compress, rescale, crop, brighten, darken, all_of_it)
}
