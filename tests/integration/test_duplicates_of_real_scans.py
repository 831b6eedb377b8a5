"""On real scans: the figures on near-duplicates in docs/training.md hold."""

from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

from shared.domain import TumorClass
from tests.unit.training.brains import VARIANTS
from training.dataset.alignment import make_thumbnail
from training.dataset.duplicates import Pair, find_duplicates
from training.dataset.folds import groups_of
from training.dataset.slices import Slice, load_index, read_picture

COPIES = 300


@dataclass(frozen=True)
class Found:
    """The scans, the pairs among them, and the scans that a changed copy was added of: how, and if it was found."""

    slices: list[Slice]
    pairs: list[Pair]
    copied: dict[int, tuple[str, bool]]


@pytest.fixture(scope="module")
def found(datasets: Path) -> Found:
    slices = load_index(datasets)
    thumbnails = [make_thumbnail(read_picture(item.path)) for item in slices]
    chosen = np.random.default_rng(1).choice(len(slices), COPIES, replace=False).tolist()
    kinds = [kind for kind, _ in zip(cycle(VARIANTS), chosen, strict=False)]
    copies = [VARIANTS[kind](read_picture(slices[at].path)) for kind, at in zip(kinds, chosen, strict=True)]
    pairs = find_duplicates([*thumbnails, *map(make_thumbnail, copies)])
    groups = groups_of(len(slices) + COPIES, [(pair.first, pair.second) for pair in pairs])
    linked = groups[chosen] == groups[len(slices) :]
    return Found(
        slices=slices,
        pairs=[pair for pair in pairs if pair.second < len(slices)],
        copied=dict(zip(chosen, zip(kinds, linked.tolist(), strict=True), strict=True)),
    )


def test_a_changed_copy_is_found_among_all_scans(found: Found) -> None:
    missed = [(found.slices[at].file, kind) for at, (kind, linked) in found.copied.items() if not linked]
    assert len(missed) <= 0.01 * COPIES, missed


def test_different_patients_are_not_taken_for_one(found: Found) -> None:
    """Only figshare says who its patients are. The two scans measured seem to be of one person under two names."""
    mistaken = {
        at
        for pair in found.pairs
        for at in (pair.first, pair.second)
        if found.slices[pair.first].source == found.slices[pair.second].source == "figshare"
        and found.slices[pair.first].patient != found.slices[pair.second].patient
    }
    assert len(mistaken) <= 2


def test_no_two_labels_are_taken_for_one(found: Found) -> None:
    assert not [pair for pair in found.pairs if found.slices[pair.first].label is not found.slices[pair.second].label]


def test_the_shipped_folds_part_no_more_duplicates_than_was_measured(found: Found) -> None:
    parted = {
        at
        for pair in found.pairs
        for at in (pair.first, pair.second)
        if found.slices[pair.first].fold != found.slices[pair.second].fold
    }
    healthy = {at for at in parted if found.slices[at].label is TumorClass.NOTUMOR}
    assert len(healthy) <= 500  # of 1,487
    assert len(parted - healthy) <= 37  # of 2,814
