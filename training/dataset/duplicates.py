"""Finds pictures that show the same slice: mirrored, compressed, rescaled, a little cropped, brighter or darker.

The collections of brain MRI that go round the web are full of them, and one on either side of a split is a question
that the network has seen the answer to. Candidates are the nearest neighbours by descriptor; each is then aligned
and judged (`training.dataset.alignment`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.neighbors import NearestNeighbors

from training.dataset.alignment import Real, Thumbnail, describe, likeness, mirror

LEAST_LIKENESS = 0.83  # measured: see "Near-duplicates" in docs/training.md
_NEIGHBOURS = 5  # looked at in each of two views, on either side of the mirror
_AT_ONCE = 256  # candidates that a thread takes


@dataclass(frozen=True)
class Pair:
    """Two pictures, by their places (first < second), that show the same slice; `likeness` up to 1."""

    first: int
    second: int
    mirrored: bool
    likeness: float


def find_duplicates(thumbnails: Sequence[Thumbnail], *, least: float = LEAST_LIKENESS) -> list[Pair]:
    """The pairs that are at least so alike, the most alike first; each once.

    Of a picture the nearest five are looked at, in two views and in a mirror: a slice with more copies is linked to
    all of them through these. So memory does not grow with the number of all pairs; all cores are used.
    """
    if len(thumbnails) < 2:
        return []
    candidates = _candidates(describe(thumbnails))
    with ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="align") as threads:
        portions = np.array_split(candidates, max(1, len(candidates) // _AT_ONCE))
        judged = threads.map(lambda portion: _judge(portion, thumbnails, least=least), portions)
        found = sorted((pair for portion in judged for pair in portion), key=lambda pair: -pair.likeness)
    best: dict[tuple[int, int], Pair] = {}
    for pair in found:  # a head can be alike both ways
        best.setdefault((pair.first, pair.second), pair)
    return list(best.values())


def _judge(candidates: npt.NDArray[np.int64], thumbnails: Sequence[Thumbnail], *, least: float) -> list[Pair]:
    pairs = []
    for first, second, mirrored in candidates.tolist():
        seen = thumbnails[first].mirrored if mirrored else thumbnails[first]
        alike = likeness(seen, thumbnails[second])
        if alike >= least:
            pairs.append(Pair(first=first, second=second, mirrored=bool(mirrored), likeness=alike))
    return pairs


def _candidates(views: Iterable[Real]) -> npt.NDArray[np.int64]:
    """(N, 3) of first, second (first < second) and whether mirrored; each once."""
    found = [_neighbours(view, mirrored=mirrored) for view in views for mirrored in (False, True)]
    pairs = np.concatenate(found)
    pairs[:, :2].sort(axis=1)
    return np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0)


def _neighbours(view: Real, *, mirrored: bool) -> npt.NDArray[np.int64]:
    """(N, 3) of a picture, one near it (or near its mirror image), and whether mirrored."""
    near = NearestNeighbors(n_neighbors=min(_NEIGHBOURS + 1, len(view)), algorithm="brute").fit(view)
    found = near.kneighbors(mirror(view) if mirrored else view, return_distance=False)
    here = np.repeat(np.arange(len(view)), found.shape[1])
    return np.column_stack([here, found.ravel(), np.full(here.size, mirrored)]).astype(np.int64)
