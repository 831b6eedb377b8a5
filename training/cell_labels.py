"""What each cell of the class maps should say, from the outline: tumour where it lies, healthy tissue elsewhere.

A label for the whole picture can be learned from its source. One for each cell cannot: tumour and healthy tissue then
come from the same head.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from shared.domain import CLASSES, HEALTHY


def cell_labels(mask: npt.NDArray[np.uint8], *, label: int, outlined: bool, grid: int) -> npt.NDArray[np.float32]:
    """Shares of classes, float32 (grid, grid, 4) in [0, 1]; zeros where nothing is known.

    `mask`: uint8 (S, S), 255 inside the outline. Cells that it covers are of class `label`; those that neither it nor a
    neighbour's touch, and all of a healthy picture, are healthy. Of a tumour that is not `outlined` nothing is known.
    """
    labels = np.zeros((grid, grid, len(CLASSES)), np.float32)
    if label == HEALTHY:
        labels[:, :, HEALTHY] = 1
    elif outlined:
        cover = cell_cover(mask, grid=grid)
        labels[:, :, label] = cover
        labels[:, :, HEALTHY] = cv2.dilate(cover, np.ones((3, 3), np.uint8)) == 0
    return labels


def cell_cover(mask: npt.NDArray[np.uint8], *, grid: int) -> npt.NDArray[np.float32]:
    """How much of each cell the outline covers, (grid, grid) in [0, 1]; half covered counts as covered."""
    if not mask.any():
        return np.zeros((grid, grid), np.float32)
    share = cv2.resize(mask, (grid, grid), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return np.minimum(1.0, 2 * share)
