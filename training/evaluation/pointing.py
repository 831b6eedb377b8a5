"""Whether a heatmap's peak points at the tumour: the pointing game (Zhang et al. 2018)."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from worker.inference.types import Point


def points_at(focus: Point, outline: npt.NDArray[np.float32]) -> tuple[bool, bool]:
    """Whether a pixel lies in the box around an outline float32 (n, 2) of (x, y), and in the outline itself."""
    (left, top), (right, bottom) = outline.min(axis=0), outline.max(axis=0)
    in_box = bool(left <= focus.x <= right and top <= focus.y <= bottom)
    polygon = outline.reshape(-1, 1, 2).astype(np.float32)
    inside = cv2.pointPolygonTest(polygon, (float(focus.x), float(focus.y)), measureDist=False)
    return in_box, bool(inside >= 0)
