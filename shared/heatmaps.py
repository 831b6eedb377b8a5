"""Where a heatmap lies on its image.

The network answers on a coarse grid over the square it saw. Only that grid and the square are kept; the
full-size map is laid out from them wherever it is needed, the same way in worker, API and trainer. Two small
matrix products do it, so no image library is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Frame:
    """The square of the image that the network saw, in image pixels; it may reach beyond the image.

    `x`, `y`: its top left corner (pixel edges, not centres); `side`: its length, > 0.
    """

    x: float
    y: float
    side: float


def lay_out(grid: npt.NDArray[np.float32], *, frame: Frame, width: int, height: int) -> npt.NDArray[np.float32]:
    """Interpolate a coarse map bilinearly to image size.

    `grid`: (g, g) float32 in [0, 1]. Returns (height, width) float32 in [0, 1]; 0 outside `frame`.
    """
    rows = _interpolation(grid.shape[0], start=frame.y, side=frame.side, length=height)
    columns = _interpolation(grid.shape[1], start=frame.x, side=frame.side, length=width)
    full = np.asarray(rows @ grid @ columns.T, np.float32)
    return np.clip(full, 0.0, 1.0, out=full)


def _interpolation(cells: int, *, start: float, side: float, length: int) -> npt.NDArray[np.float32]:
    """(length, cells) float32: the share of each cell in each pixel; rows outside the frame are zero."""
    centres = np.arange(length) + 0.5 - start
    at = np.clip(centres / side * cells - 0.5, 0, cells - 1)
    below = np.minimum(at.astype(int), max(cells - 2, 0))
    weights = np.zeros((length, cells), np.float32)
    pixels = np.arange(length)
    weights[pixels, below] = 1 - (at - below)
    if cells > 1:
        weights[pixels, below + 1] = at - below
    weights[(centres < 0) | (centres > side)] = 0
    return weights
