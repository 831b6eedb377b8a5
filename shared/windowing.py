"""Deep grey values to the 256 levels that are classified: once, and the same in training and in serving."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def between_percentiles(values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Values (H, W) of any depth to uint8, black at their 0.5th percentile and white at their 99.5th.

    Writes over `values` if they are float64.
    """
    deep = values.astype(np.float64, copy=False)
    finite = deep if np.isfinite(deep).all() else deep[np.isfinite(deep)]
    if finite.size == 0:
        return np.zeros(deep.shape, np.uint8)
    low, high = np.percentile(finite, (0.5, 99.5))
    if not high > low or not np.isfinite(high - low):
        low, high = finite.min(), finite.max()
    if not high > low or not np.isfinite(high - low):
        return np.zeros(deep.shape, np.uint8)
    del finite
    # In place: a large picture is 128 MiB here.
    np.nan_to_num(deep, copy=False, nan=low, posinf=high, neginf=low)
    deep -= low
    deep /= high - low
    return _levels(deep)


def within_window(
    values: npt.NDArray[np.float64], *, centre: float, width: float, function: str
) -> npt.NDArray[np.uint8]:
    """Values (H, W) to uint8 by a window as DICOM defines it (PS3.3, C.11.2.1.2); writes over `values`."""
    if function == "LINEAR":
        centre, width = centre - 0.5, max(width - 1, 1e-9)
    values -= centre
    values /= width
    if function == "SIGMOID":
        np.clip(values, -100, 100, out=values)
        return _levels(1 / (1 + np.exp(-4 * values)))
    values += 0.5
    return _levels(values)


def _levels(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    np.clip(shares, 0, 1, out=shares)
    shares *= 255
    return np.asarray(np.rint(shares, out=shares), np.uint8)
