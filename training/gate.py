"""Fits the gate on what brain MRI looks like, and tells how often it errs.

Its limits are those that few scans of patients it was not fitted on go beyond: of strangeness alone, and of
strangeness with the distance from the training data, as networks gave it that were not trained on these patients. What
is CT by its bone, though labelled brain MRI, is neither fitted on nor sets a limit: it is turned away for what it is.
Sources with few pictures count as much as large ones, and framing is varied, so that another hospital's way of cutting
pictures is not strange.
"""

from __future__ import annotations

import math
import statistics
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from shared.images import read_image
from training.appearances import PREPARED_PX, Appearances, appearances
from training.dataset.entries import UnusableData
from training.dataset.slices import Slice
from training.evaluation.calibrate import CAPPED_SOURCES, round_up
from training.evaluation.rates import Rate, rate
from training.evaluation.served import turned_away
from worker.inference.distance import TrainingFeatures
from worker.inference.gate import Floats, Gate, appearance_of, check_single, shrink, with_distance
from worker.inference.modality import looks_like_ct
from worker.inference.pipeline import Network, Pipeline
from worker.inference.preprocess import prepare
from worker.inference.types import Source

REJECTED = 0.001  # of the capped sources' scans, out of fold; at most 0.5% is promised on patients never seen
# Squared, as in the logarithm of a likelihood. With distance known, strangeness alone turns away only what is stranger
# than any brain by this much: other hospitals' brains are strange rather than far.
DISTANCE_POWER = 2.0
_MARGIN = 1.15
_DIRECTIONS = 16
_MOST_COPIES = 8
Real = npt.NDArray[np.float64]
_FLOOR = 1e-3  # of variances: places where training scans hardly vary must not decide alone
_MAX_PIXELS = 100_000_000


def fit_gate(
    slices: Sequence[Slice],
    *,
    distances: Mapping[str, float] | None = None,
    kin: TrainingFeatures | None = None,
    ct: Collection[str] = (),
    seed: int = 0,
) -> tuple[Gate, dict[str, Rate]]:
    """The gate fitted on all `slices`, and the share of each source's that gates fitted on other folds reject.

    The limits are the other folds', too, where a fold is counted. `ct`: files of scans that are CT although they are
    labelled brain MRI (`training.appearances.is_ct`): they count as rejected, and nothing is fitted on them.

    `distances`: of each scan by its file's name, out of fold, from the kin of the network that it stands before, and
    `kin`: that network's own (`training.kin`). Raises ValueError for one fold only, KeyError for a scan without a
    distance that is no CT.
    """
    folds = np.array([item.fold for item in slices])
    sources = np.array([item.source for item in slices])
    if len(set(folds)) < 2:
        raise UnusableData(
            slices[0].path.parent, ["a gate needs two folds: its limit is set on scans it is not fitted on"]
        )
    is_ct = np.array([item.file in ct for item in slices])
    away = None
    if distances is not None:
        away = [math.inf if item.file in ct else distances[item.file] for item in slices]
    seen = appearances(slices, seed=seed)
    strangeness = _out_of_fold(seen, sources, folds, fitted_on=~is_ct)
    capped = np.isin(sources, CAPPED_SOURCES)
    counted = (capped if capped.any() else np.ones(len(slices), bool)) & ~is_ct
    together = None
    if away is not None:
        pairs = zip(strangeness.tolist(), away, strict=True)
        together = np.array([with_distance(*pair, power=DISTANCE_POWER) for pair in pairs])
    turned_away = is_ct.copy()
    for fold in sorted(set(folds)):
        limits = _limits(strangeness, together, counted & (folds != fold))
        turned_away |= (folds == fold) & _beyond(limits, strangeness, together)
    names = sorted({item.source for item in slices})
    rejected = {source: rate(turned_away[sources == source].tolist()) for source in names}
    limit, further = _limits(strangeness, together, counted)
    fitted = _fit(seen, sources, np.flatnonzero(~is_ct))
    limited = replace(fitted, reject_beyond=limit, reject_beyond_with_distance=further)
    return replace(limited, distance_power=DISTANCE_POWER, rejects_ct=True, kin=kin), rejected


def _limits(strangeness: Real, together: Real | None, counted: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Of strangeness, and of strangeness with distance where that is known: by the scans that are `counted`."""
    judged = strangeness[counted & np.isfinite(strangeness)]
    if together is None:
        return _limit(judged, REJECTED), math.inf
    limit = round_up(_MARGIN * _limit(judged, 0))
    return limit, _limit(np.where(strangeness > limit, math.inf, together)[counted], REJECTED)


def _beyond(limits: tuple[float, float], strangeness: Real, together: Real | None) -> npt.NDArray[np.bool_]:
    limit, further = limits
    beyond = strangeness > limit
    return beyond if together is None else beyond | (together > further)


def _out_of_fold(
    seen: Appearances, sources: npt.NDArray[np.str_], folds: npt.NDArray[np.int64], *, fitted_on: npt.NDArray[np.bool_]
) -> Real:
    """How strange each scan is to the gate fitted on those of the other folds that are to be fitted on."""
    strangeness = np.zeros(len(folds))
    for fold in sorted(set(folds)):
        gate = _fit(seen, sources, np.flatnonzero(fitted_on & (folds != fold)))
        for at in map(int, np.flatnonzero(folds == fold)):
            strangeness[at] = gate.strangeness(seen.as_they_are[at])
    return strangeness


def rejected_share(network: Network, files: Iterable[bytes]) -> Rate:
    """How many of `files` the network's gate turns away, as it is served, for whatever reason."""
    return rate(turned_away(network, files))


def extra_time(gate: Gate, pipeline: Pipeline, files: Sequence[bytes], *, repeats: int = 5) -> float:
    """What judging adds to a scan's time from file to pictures, as a share of the rest; median of `repeats`."""
    images = [read_image(data, max_pixels=_MAX_PIXELS) for data in files]
    pictures = [(image, prepare(image, size_px=PREPARED_PX)) for image in images]
    sources = [Source(data) for data in files]
    pipeline.run(sources)
    shares = []
    for _ in range(repeats):
        started = time.perf_counter()
        for image, prepared in pictures:
            shrunk = shrink(image)
            check_single(shrunk)
            looks_like_ct(prepared.pixels)
            gate.strangeness(appearance_of(shrunk, prepared))
        judged = time.perf_counter()
        pipeline.run(sources)
        of_gate, of_all = judged - started, time.perf_counter() - judged
        shares.append(of_gate / (of_all - of_gate))
    return round(statistics.median(shares), 4)


def _limit(values: Real, share: float) -> float:
    """What about `share` of the values are over; the greatest finite one where more are infinite."""
    found = float(np.quantile(values, 1 - share, method="lower"))
    return round_up(found if math.isfinite(found) else float(values[np.isfinite(values)].max()))


def _fit(seen: Appearances, sources: npt.NDArray[np.str_], chosen: npt.NDArray[np.int64]) -> Gate:
    copies = _copies(sources[chosen])
    rows = [
        appearance
        for at, times in zip(chosen, copies, strict=True)
        for appearance in (seen.as_they_are[at], *seen.variants[at])
        for _ in range(times)
    ]
    shapes, greys = np.stack([row.shape for row in rows]), np.stack([row.greys for row in rows])
    mean = shapes.mean(axis=0)
    variances, directions = _principal(shapes - mean, _DIRECTIONS)
    rest = (shapes - mean) - (shapes - mean) @ directions @ directions.T
    greys_mean = greys.mean(axis=0)
    grey_variances, grey_directions = _principal(greys - greys_mean, greys.shape[1], floor=_FLOOR / 10)
    return Gate(
        shape_mean=mean,
        directions=directions,
        variances=variances,
        left_over=np.sqrt((rest**2).mean(axis=0) + _FLOOR).astype(np.float32),
        greys_mean=greys_mean,
        greys_whitening=(grey_directions / np.sqrt(grey_variances)).astype(np.float32),
        reject_beyond=math.inf,
    )


def _copies(sources: npt.NDArray[np.str_]) -> list[int]:
    sizes = Counter(sources.tolist())
    largest = max(sizes.values())
    return [min(_MOST_COPIES, max(1, largest // sizes[source])) for source in sources.tolist()]


def _principal(centred: Floats, count: int, *, floor: float = 0.0) -> tuple[Floats, Floats]:
    """The `count` directions of greatest variance: variances (count,), directions (D, count)."""
    covariance = centred.T.astype(np.float64) @ centred / len(centred) + floor * np.eye(centred.shape[1])
    variances, directions = np.linalg.eigh(covariance)
    kept = slice(-count, None)
    return variances[kept].astype(np.float32), np.ascontiguousarray(directions[:, kept], np.float32)
