"""Deep grey values to the 256 levels that are classified: once, and the same in training and in serving."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

_BLACK_AND_WHITE = (0.005, 0.995)
_HALF = 1 << 16
_HIGHEST_BITS = (1 << 32) - 1


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
    del finite
    return between(deep, low=float(low), high=float(high))


def between(values: npt.NDArray[np.float64], *, low: float, high: float) -> npt.NDArray[np.uint8]:
    """Values (H, W) to uint8, black at `low` and white at `high`; writes over `values`.

    All is black where these two are no range.
    """
    if not high > low or not np.isfinite(high - low):
        return np.zeros(values.shape, np.uint8)
    # In place: a large picture is 128 MiB here.
    np.nan_to_num(values, copy=False, nan=low, posinf=high, neginf=low)
    values -= low
    values /= high - low
    return _levels(values)


def window_of(slices: Iterable[npt.NDArray[np.generic]]) -> tuple[float, float]:
    """Black and white of a whole volume: the 0.5th percentile of all its values, the 99.5th of all but the least.

    The least value is what was filled in around a brain without its skull, five sixths of some volumes: counted, it
    would make all of a bright tumour white. Values are not held all at once: ranks are found by counting, first by the
    upper half of a float's bits and then, where they fall, by the lower one. `slices` is walked twice. To float32;
    (0, 0) where no value is finite.
    """
    upper, filled = _upper_halves(slices)
    total = int(upper.sum())
    if not total:
        return 0.0, 0.0
    black, white = _BLACK_AND_WHITE
    ranks = [black * (total - 1), filled + white * max(0, total - 1 - filled)]
    ranks = [min(rank, total - 1) for rank in ranks]  # where all are the least
    needed = {0, total - 1, *(int(np.floor(rank)) for rank in ranks), *(int(np.ceil(rank)) for rank in ranks)}
    values = _values_at(sorted(needed), slices, upper)
    low, high = (
        values[int(np.floor(rank))] + (rank % 1) * (values[int(np.ceil(rank))] - values[int(np.floor(rank))])
        for rank in ranks
    )
    if not high > low or not np.isfinite(high - low):
        low, high = values[0], values[total - 1]
    return float(np.float32(low)), float(np.float32(high))


def _upper_halves(slices: Iterable[npt.NDArray[np.generic]]) -> tuple[npt.NDArray[np.int64], int]:
    """How many values have each upper half of bits, (65536,); how many are the least of all."""
    counts = np.zeros(_HALF, np.int64)
    least, filled = _HIGHEST_BITS, 0
    for one in slices:
        bits = _ordered_bits(one)
        counts += np.bincount(bits >> 16, minlength=_HALF)
        least_here = int(bits.min(initial=_HIGHEST_BITS))
        if least_here < least:
            least, filled = least_here, 0
        filled += int(np.count_nonzero(bits == least))
    return counts, filled


def _values_at(
    ranks: Sequence[int], slices: Iterable[npt.NDArray[np.generic]], upper: npt.NDArray[np.int64]
) -> dict[int, float]:
    """The values with these ranks, of which `upper` counts the upper halves of their bits."""
    ends = np.cumsum(upper)
    places = {rank: int(np.searchsorted(ends, rank, side="right")) for rank in ranks}
    lower = {place: np.zeros(_HALF, np.int64) for place in places.values()}
    for one in slices:
        bits = _ordered_bits(one)
        for place, counts in lower.items():
            counts += np.bincount(bits[bits >> 16 == place] & (_HALF - 1), minlength=_HALF)
    found = {}
    for rank, place in places.items():
        before = int(ends[place] - upper[place])
        low = int(np.searchsorted(np.cumsum(lower[place]), rank - before, side="right"))
        found[rank] = _value_of(place << 16 | low)
    return found


def _ordered_bits(values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint32]:
    """Of each value that is finite as float32, its bits so that they sort as the values do."""
    with np.errstate(over="ignore", invalid="ignore"):
        floats = values.astype(np.float32).ravel()
    bits = (floats[np.isfinite(floats)] + np.float32(0)).view(np.uint32)  # of the two zeros one
    return np.where(bits >> 31, ~bits, bits | np.uint32(0x80000000))


def _value_of(ordered_bits: int) -> float:
    bits = ordered_bits & 0x7FFFFFFF if ordered_bits >> 31 else ~ordered_bits & 0xFFFFFFFF
    return float(np.array(bits, np.uint32).view(np.float32))


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
