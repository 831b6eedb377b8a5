"""How sure a figure is: 95% intervals by drawing patients, not scans, with replacement.

A patient's slices resemble each other, so scans are no independent draws: an interval over scans would be too
narrow by far. Percentile bootstrap of clusters (Efron & Tibshirani 1993; Field & Welsh 2007). Most figures are
functions of sums over scans; those are summed by patient once, and all resamples are one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000
SEED = 0
CONFIDENCE = 0.95
_AT_ONCE = 200  # resamples weighed together where a weight for each scan is needed: bounds the memory

Real = npt.NDArray[np.float64]


class IntervalRate(TypedDict):
    """A figure over `n` scans with its 95% interval over patients, [low, high]; both null where there is none."""

    value: float | None
    n: int
    interval: list[float] | None


@dataclass(frozen=True)
class Statistic:
    """A figure that follows from sums over scans.

    `columns`: (N, K), what each scan adds to K sums. `value`: (R, K) sums -> (R,) values, not finite where there is
    none. `n`: the scans that the figure is about. `proportion`: whether it is a share of scans that can be 0 or 1.
    `noise_raises`: whether it adds up absolute differences, which the noise of a resample can only raise.
    """

    columns: Real
    value: Callable[[Real], Real]
    n: int
    proportion: bool = False
    noise_raises: bool = False


def mean_of(values: npt.ArrayLike, among: npt.NDArray[np.bool_]) -> Statistic:
    """The mean of (N,) `values` over the scans `among`; a rate where the values are true or false."""
    each = np.asarray(values)
    counted = np.where(among, each, 0).astype(np.float64)
    return Statistic(
        columns=np.column_stack([counted, among.astype(np.float64)]),
        value=lambda sums: sums[:, 0] / sums[:, 1],
        n=int(np.count_nonzero(among)),
        proportion=each.dtype == bool,
    )


class PatientBootstrap:
    """Resamples of the patients of a table; the same ones for every figure and model, so that they can be paired."""

    def __init__(self, patients: npt.NDArray[np.str_], *, resamples: int = RESAMPLES, seed: int = SEED) -> None:
        names, self._patient_of = np.unique(patients, return_inverse=True)
        self._patients = len(names)
        rng = np.random.default_rng(seed)
        self._drawn = np.zeros((resamples, self._patients))
        if self._patients:
            evenly = np.full(self._patients, 1 / self._patients)
            self._drawn += rng.multinomial(self._patients, evenly, size=resamples)

    def by_patient(self, columns: Real) -> Real:
        """(N, K) of scans -> (P, K) sums of patients."""
        sums = [np.bincount(self._patient_of, weights=column, minlength=self._patients) for column in columns.T]
        return np.column_stack(sums)

    def draws(self, statistic: Statistic) -> Real:
        """The figure in each resample, (R,)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return statistic.value(self._drawn @ self.by_patient(statistic.columns))

    def rate(self, statistic: Statistic) -> IntervalRate:
        """The figure with its n and interval, as the JSON has it.

        Where a share is 0 or 1 no resample can differ; its interval is then the exact one (Clopper & Pearson 1934)
        over the patients concerned, each counted as one draw. Of a figure that noise raises, the interval is moved
        down by the mean excess of the resamples, not under 0 (bias correction, Efron & Tibshirani 1993, chapter 10).
        """
        if statistic.n == 0:
            return {"value": None, "n": 0, "interval": None}
        value = value_of(statistic)
        if statistic.proportion and value in {0.0, 1.0}:
            reach = 1 - ((1 - CONFIDENCE) / 2) ** (1 / self._patients_in(statistic))
            return _rate(value, statistic.n, (0.0, reach) if value == 0 else (1 - reach, 1.0))
        drawn = self.draws(statistic)
        if statistic.noise_raises:
            drawn = np.maximum(drawn - (np.nanmean(drawn) - value), 0)
        return _rate(value, statistic.n, interval_of(drawn))

    def rate_of(self, values: Iterable[float | None]) -> IntervalRate:
        """The mean of one value a scan, in the order of the patients; a scan without one does not count."""
        given = list(values)
        known = [value for value in given if value is not None]
        filled = np.array([0 if value is None else value for value in given])
        if all(isinstance(value, bool | np.bool_) for value in known):
            filled = filled.astype(bool)
        return self.rate(mean_of(filled, np.array([value is not None for value in given], bool)))

    def rate_by_weights(self, value: Callable[[Real], Real], *, n: int) -> IntervalRate:
        """The same of a figure that depends on the order of scans. `value`: weights (R, N) -> (R,)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            whole = float(value(np.ones((1, len(self._patient_of))))[0])
        if not np.isfinite(whole):
            return {"value": None, "n": n, "interval": None}
        return _rate(whole, n, interval_of(self.draws_by_weights(value)))

    def draws_by_weights(self, value: Callable[[Real], Real]) -> Real:
        """Such a figure in each resample, (R,)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.concatenate(
                [
                    value(self._drawn[start : start + _AT_ONCE][:, self._patient_of])
                    for start in range(0, len(self._drawn), _AT_ONCE)
                ]
            )

    def _patients_in(self, statistic: Statistic) -> int:
        return int(np.count_nonzero(self.by_patient(statistic.columns)[:, 1]))


def value_of(statistic: Statistic) -> float:
    """The figure over all scans, nan where it has none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(statistic.value(statistic.columns.sum(axis=0, keepdims=True))[0])


def interval_of(drawn: Real) -> tuple[float, float]:
    """The middle 95% of the resamples in which the figure exists."""
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn[np.isfinite(drawn)], [tail, 1 - tail])
    return float(low), float(high)


def _rate(value: float, n: int, interval: tuple[float, float]) -> IntervalRate:
    return {"value": round(value, 4), "n": n, "interval": [round(edge, 4) for edge in interval]}
