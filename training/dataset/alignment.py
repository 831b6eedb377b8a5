"""How alike two pictures are once one has been laid over the other.

Without that, a picture and its own copy with 2% cut off all round correlate no better than two patients do: no
threshold tells them apart. So two thumbnails are brought together, first by
their moments, then by the affine map that maximises their correlation (ECC, Evangelidis & Psarakis 2008), and
compared in fine detail, where two patients differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Real = npt.NDArray[np.float32]
Map = npt.NDArray[np.float64]  # 3 x 3, of homogeneous (x, y, 1)

THUMBNAIL_PX = 64
DESCRIPTOR_PX = 16
_REACH = 2.2  # standard deviations of the head's light from the descriptor's middle to its edge
_CANONICAL_PX = 32
_COARSE_PX, _FINE_PX = 8.0, 2.0  # neighbourhoods that light and contrast are levelled over, in a thumbnail
_LEVELLING_FLOOR = 100.0  # grey levels squared: the variance of a background, which must not be blown up
_LEAST_OVERLAP = 0.5
_STOP = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 1e-3)


@dataclass(frozen=True)
class Thumbnail:
    """A picture made small: uint8 (64, 64), and the map from its pixels to a frame of -1 to 1 around the head."""

    pixels: Pixels
    pose: Map

    @property
    def mirrored(self) -> Thumbnail:
        """The same seen in a mirror."""
        flip = np.array([[-1.0, 0, THUMBNAIL_PX - 1], [0, 1, 0], [0, 0, 1]])
        return Thumbnail(np.ascontiguousarray(self.pixels[:, ::-1]), np.diag([-1.0, 1, 1]) @ self.pose @ flip)


def make_thumbnail(image: Pixels) -> Thumbnail:
    """Of a greyscale uint8 (H, W), stretched to a square: a copy that was made square has the same one."""
    pixels = np.asarray(cv2.resize(image, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA), np.uint8)
    return Thumbnail(pixels, _pose(pixels))


def describe(thumbnails: Sequence[Thumbnail]) -> tuple[Real, Real]:
    """Two views, each float32 (N, 256) with rows of length 1, so that the product of two is their correlation.

    The pictures as they lie, which change of light does not move; and with their heads moved to one place, which a
    crop or a border does not change. A copy is near its original in at least one of them.
    """
    level = (_level(it.pixels, over_px=_COARSE_PX / 2) for it in thumbnails)
    return _correlatable(level), _correlatable(map(_at_canonical_place, thumbnails))


def _correlatable(pictures: Iterable[Real]) -> Real:
    size = (DESCRIPTOR_PX, DESCRIPTOR_PX)
    rows = np.stack([cv2.resize(it, size, interpolation=cv2.INTER_AREA).ravel() for it in pictures])
    rows -= rows.mean(axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6), np.float32)


def mirror(descriptors: Real) -> Real:
    """The descriptors of the mirrored pictures."""
    return descriptors.reshape(-1, DESCRIPTOR_PX, DESCRIPTOR_PX)[:, :, ::-1].reshape(descriptors.shape)


def likeness(first: Thumbnail, second: Thumbnail) -> float:
    """Correlation in [-1, 1] of `first` and `second` laid over it, in fine detail; 0 where they cannot be."""
    try:
        _, to_second = cv2.findTransformECC(
            _level(first.pixels, over_px=_COARSE_PX),
            _level(second.pixels, over_px=_COARSE_PX),
            (np.linalg.inv(second.pose) @ first.pose)[:2].astype(np.float32),
            cv2.MOTION_AFFINE,
            _STOP,
        )
    except cv2.error:  # they do not come together
        return 0.0
    fine = (_level(first.pixels, over_px=_FINE_PX), _level(second.pixels, over_px=_FINE_PX))
    return _correlation_where_both_are(*fine, np.asarray(to_second, np.float64))


def _correlation_where_both_are(first: Real, second: Real, to_second: Map) -> float:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(second, to_second, first.shape, flags=flags)
    both = cv2.warpAffine(np.ones_like(second), to_second, first.shape, flags=flags) > 0.99
    if both.mean() < _LEAST_OVERLAP:
        return 0.0
    return float(np.nan_to_num(np.corrcoef(first[both], moved[both])[0, 1]))


def _at_canonical_place(picture: Thumbnail) -> Real:
    """The head moved and scaled, each way by itself, to fill (32, 32); light and contrast levelled."""
    side = _CANONICAL_PX
    place = np.array([[side / 2, 0, (side - 1) / 2], [0, side / 2, (side - 1) / 2], [0, 0, 1]]) @ picture.pose
    smooth = cv2.GaussianBlur(picture.pixels.astype(np.float32), (0, 0), 1.0)
    moved = np.asarray(cv2.warpAffine(smooth, place[:2], (side, side), flags=cv2.INTER_LINEAR), np.float32)
    return _level(moved, over_px=_COARSE_PX / 2)


def _pose(pixels: Pixels) -> Map:
    """From pixels to a frame of -1 to 1 around the head, by the mean and spread of its light.

    Moments have no threshold to jump at: a little crop or gamma moves them a little. Bright fat is held down so
    that it does not outweigh the rest.
    """
    smooth = cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), 0.8)
    dark, bright = np.percentile(smooth, (1, 99))
    light = np.sqrt(np.clip((smooth - dark) / max(float(bright - dark), 1.0), 0.15, 0.45) - 0.15) + 1e-6
    places = np.arange(THUMBNAIL_PX)
    mean_x, spread_x = _mean_and_spread(light.sum(axis=0), places)
    mean_y, spread_y = _mean_and_spread(light.sum(axis=1), places)
    scale_x, scale_y = 1 / (_REACH * spread_x), 1 / (_REACH * spread_y)
    return np.array([[scale_x, 0, -mean_x * scale_x], [0, scale_y, -mean_y * scale_y], [0, 0, 1]])


def _mean_and_spread(weights: npt.NDArray[np.float32], places: npt.NDArray[np.int64]) -> tuple[float, float]:
    mean = float(np.average(places, weights=weights))
    return mean, float(np.sqrt(np.average((places - mean) ** 2, weights=weights)))


def _level(picture: Pixels | Real, *, over_px: float) -> Real:
    """Each pixel less the mean around it, over the spread there: what gamma and coil shading leave alone."""
    values = picture.astype(np.float32)
    rest = values - cv2.GaussianBlur(values, (0, 0), over_px)
    return np.asarray(rest / np.sqrt(cv2.GaussianBlur(rest * rest, (0, 0), over_px) + _LEVELLING_FLOOR), np.float32)
