"""Where a heatmap lies on its image.

The network answers on a coarse grid over the square it saw. Only that grid and the square are kept; the
full-size map is laid out from them wherever it is needed, the same way in worker, API and trainer. Two small
matrix products do it, so no image library is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Frame:
    """The square of the image that the network saw, in image pixels; it may reach beyond the image.

    `x`, `y`: its top left corner (pixel edges, not centres); `side`: its length, > 0.
    """

    x: float
    y: float
    side: float


def lay_out(grid: Floats, *, frame: Frame, width: int, height: int) -> Floats:
    """Interpolate a coarse map to image size, by the cubic of Mitchell & Netravali (1988).

    Its peak may lie between cells; a bilinear map has it in the middle of a cell, whatever the cells beside it say.

    `grid`: (g, g) float32 in [0, 1]. Returns (height, width) float32 in [0, 1]; 0 outside `frame`.
    """
    rows = _interpolation(grid.shape[0], start=frame.y, side=frame.side, length=height)
    columns = _interpolation(grid.shape[1], start=frame.x, side=frame.side, length=width)
    full = np.asarray(rows @ grid @ columns.T, np.float32)
    return np.clip(full, 0.0, 1.0, out=full)


def lay_out_in_strips(grid: Floats, *, frame: Frame, width: int, height: int, strip_px: int) -> Iterator[Floats]:
    """The map of `lay_out` from top to bottom, `strip_px` rows at a time: the largest is 64 MiB as a whole."""
    rows = _interpolation(grid.shape[0], start=frame.y, side=frame.side, length=height) @ grid
    columns = _interpolation(grid.shape[1], start=frame.x, side=frame.side, length=width).T
    for top in range(0, height, strip_px):
        yield np.clip(np.asarray(rows[top : top + strip_px] @ columns, np.float32), 0.0, 1.0)


def _interpolation(cells: int, *, start: float, side: float, length: int) -> Floats:
    """(length, cells) float32: the share of each cell in each pixel; rows outside the frame are zero."""
    centres = np.arange(length) + 0.5 - start
    at = np.clip(centres / side * cells - 0.5, -0.5, cells - 0.5)
    before = np.floor(at).astype(int)
    past = at - before  # the cell before, so each of the four around a pixel is known to be near or far
    weights = np.zeros((length, cells), np.float32)
    for cell, share in (
        (before - 1, _far(1 + past)),
        (before, _near(past)),
        (before + 1, _near(1 - past)),
        (before + 2, _far(2 - past)),
    ):
        # Beyond the border the cells of the border go on.
        weights[np.arange(length), np.clip(cell, 0, cells - 1)] += share
    weights[(centres < 0) | (centres > side)] = 0
    return weights


# The share of a cell in a point so many cells away: B = C = 1/3. The four around a point sum to 1.
def _near(away: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """`away` from 0 to 1."""
    return ((7 * away - 12) * away**2 + 16 / 3) / 6


def _far(away: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """`away` from 1 to 2."""
    return (((-7 / 3 * away + 12) * away - 20) * away + 32 / 3) / 6
