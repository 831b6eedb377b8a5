"""From a greyscale picture to what the network sees; training and serving both come through here.

The head is cut out, its grey values are stretched between percentiles, and the square around it is resized
with its aspect kept: border width, image size and exposure say which scanner made a picture, not what is in it.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from shared.errors import InvalidScan
from shared.heatmaps import Frame
from worker.inference.percentiles import percentiles
from worker.inference.types import Prepared

_SEARCH_PX = 256  # the head is looked for in a picture of about this size
_HEAD_LEVEL = 0.10  # of the way from background to bright tissue
_LEAST_CONTRAST = 12  # grey levels; less is a blank picture
_LEAST_HEAD_AREA = 0.02  # of the picture
_MARGIN = 0.03  # of the head's longer side, left around it


def prepare(image: npt.NDArray[np.uint8], *, size_px: int) -> Prepared:
    """Crop to the head, normalise and resize.

    `image`: uint8 (H, W). Returns float32 (size_px, size_px) pixels in [0, 1] and the square of `image` that
    they show. Raises InvalidScan `no_brain_found` where nothing stands out of the background.
    """
    left, top, right, bottom = _head_box(image)
    frame = _square_around(left, top, right, bottom)
    head = _cut(image, frame)
    low, high = percentiles(image[top:bottom, left:right], (1.0, 99.5))
    shrinking = frame.side > size_px
    resized = cv2.resize(head, (size_px, size_px), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)
    scale = 1.0 / max(float(high - low), 1.0)
    pixels = np.clip((resized.astype(np.float32) - np.float32(low)) * np.float32(scale), 0.0, 1.0)
    return Prepared(pixels=pixels, frame=frame)


def _head_box(image: npt.NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom (exclusive) of the head in image pixels."""
    height, width = image.shape
    scale = min(1.0, _SEARCH_PX / max(height, width))
    small_size = (max(1, round(width * scale)), max(1, round(height * scale)))
    shrunk = image if scale == 1.0 else cv2.resize(image, small_size, interpolation=cv2.INTER_AREA)
    small = np.asarray(cv2.GaussianBlur(shrunk, (5, 5), 0), np.uint8)
    dark, bright = percentiles(small, (2.0, 99.0))
    if bright - dark < _LEAST_CONTRAST:
        raise InvalidScan("the picture is blank: no head stands out", code="no_brain_found")
    lit = (small > dark + _HEAD_LEVEL * (bright - dark)).astype(np.uint8)
    mask = cv2.morphologyEx(lit, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    box = _largest_components(np.asarray(mask, np.uint8))
    if box is None:
        raise InvalidScan("no head was found in the picture", code="no_brain_found")
    left, top, right, bottom = (edge / scale for edge in box)
    return int(left), int(top), min(width, int(np.ceil(right))), min(height, int(np.ceil(bottom)))


def _largest_components(mask: npt.NDArray[np.uint8]) -> tuple[int, int, int, int] | None:
    """The box around the largest component and those a tenth as large; None where all are specks."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    parts = stats[1:]
    if len(parts) == 0:
        return None
    areas = parts[:, cv2.CC_STAT_AREA]
    if areas.max() < _LEAST_HEAD_AREA * mask.size:
        return None
    kept = parts[areas * 10 >= areas.max()]
    left, top = kept[:, cv2.CC_STAT_LEFT], kept[:, cv2.CC_STAT_TOP]
    right, bottom = left + kept[:, cv2.CC_STAT_WIDTH], top + kept[:, cv2.CC_STAT_HEIGHT]
    return int(left.min()), int(top.min()), int(right.max()), int(bottom.max())


def _square_around(left: int, top: int, right: int, bottom: int) -> Frame:
    longer = max(right - left, bottom - top)
    side = longer + 2 * round(longer * _MARGIN)
    return Frame(x=float((left + right - side) // 2), y=float((top + bottom - side) // 2), side=float(side))


def _cut(image: npt.NDArray[np.uint8], frame: Frame) -> npt.NDArray[np.uint8]:
    """The pixels of the square; black where it reaches beyond the image. Its edges are whole pixels."""
    height, width = image.shape
    x, y, side = int(frame.x), int(frame.y), int(frame.side)
    inside = image[max(y, 0) : min(y + side, height), max(x, 0) : min(x + side, width)]
    square = cv2.copyMakeBorder(
        inside,
        max(-y, 0),
        max(y + side - height, 0),
        max(-x, 0),
        max(x + side - width, 0),
        cv2.BORDER_CONSTANT,
        value=0,
    )
    return np.asarray(square, dtype=np.uint8)
