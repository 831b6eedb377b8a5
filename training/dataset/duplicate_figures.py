"""What near-duplicates are found at each likeness: the figures that the threshold was chosen by.

Slices of one figshare patient may be found alike; those of two patients, or with two labels, are mistakes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from shared.domain import TumorClass
from training.dataset.duplicates import LEAST_LIKENESS, Pair
from training.dataset.folds import groups_of
from training.dataset.slices import Slice

PATIENTS_KNOWN_OF = "figshare"  # elsewhere a patient is a cluster of near-duplicates
THRESHOLDS = (0.75, 0.80, LEAST_LIKENESS, 0.86, 0.90)


def duplicate_figures(pairs: Sequence[Pair], slices: Sequence[Slice]) -> dict[str, Any]:
    """Counts at each threshold, and what the folds of the data set part at the one in use.

    `pairs` are those that `find_duplicates` gives of the slices at the least threshold.
    """
    return {
        "thresholds": {
            f"{least:.2f}": _found([pair for pair in pairs if pair.likeness >= least], slices) for least in THRESHOLDS
        },
        "parted_by_the_folds": _parted([pair for pair in pairs if pair.likeness >= LEAST_LIKENESS], slices),
    }


def _found(pairs: Sequence[Pair], slices: Sequence[Slice]) -> Mapping[str, Any]:
    known = {at for at, item in enumerate(slices) if item.source == PATIENTS_KNOWN_OF}
    of_known = [pair for pair in pairs if {pair.first, pair.second} <= known]
    mistaken = [pair for pair in of_known if slices[pair.first].patient != slices[pair.second].patient]
    same = [pair for pair in of_known if slices[pair.first].patient == slices[pair.second].patient]
    clusters = Counter(groups_of(len(slices), [(pair.first, pair.second) for pair in pairs]).tolist())
    return {
        "figshare_scans_like_one_of_their_own_patient": _share(_scans_of(same), of=known),
        "like_one_of_another_patient": _share(_scans_of(mistaken), of=known),
        "pairs_with_two_labels": sum(slices[pair.first].label is not slices[pair.second].label for pair in pairs),
        "clusters": len(clusters),
        "largest_cluster": max(clusters.values()),
    }


def _parted(pairs: Sequence[Pair], slices: Sequence[Slice]) -> Mapping[str, Any]:
    parted = _scans_of([pair for pair in pairs if slices[pair.first].fold != slices[pair.second].fold])
    healthy = {at for at, item in enumerate(slices) if item.label is TumorClass.NOTUMOR}
    tumours = set(range(len(slices))) - healthy
    return {"healthy_scans": _share(parted, of=healthy), "tumours": _share(parted, of=tumours)}


def _scans_of(pairs: Sequence[Pair]) -> set[int]:
    return {at for pair in pairs for at in (pair.first, pair.second)}


def _share(found: Collection[int], *, of: Collection[int]) -> Mapping[str, Any]:
    """As a rate."""
    return {"value": round(len(set(found) & set(of)) / len(of), 4), "n": len(of)}
