"""On real scans: changed copies are found, and the figures on near-duplicates in docs/training.md hold."""

import json
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

from tests.unit.training.brains import VARIANTS
from training.dataset.alignment import Thumbnail, make_thumbnail
from training.dataset.duplicate_figures import THRESHOLDS, duplicate_figures
from training.dataset.duplicates import find_duplicates
from training.dataset.folds import groups_of
from training.dataset.slices import Slice, load_index, read_picture

COPIES = 300
RECORDED = Path(__file__).resolve().parents[2] / "training" / "results" / "duplicates.json"


@pytest.fixture(scope="module")
def slices(datasets: Path) -> list[Slice]:
    return load_index(datasets)


@pytest.fixture(scope="module")
def thumbnails(slices: list[Slice]) -> list[Thumbnail]:
    return [make_thumbnail(read_picture(item.path)) for item in slices]


def test_a_changed_copy_is_found_among_all_scans(slices: list[Slice], thumbnails: list[Thumbnail]) -> None:
    """Linked to its original, or to a copy of it that the data has already."""
    chosen = np.random.default_rng(1).choice(len(slices), COPIES, replace=False).tolist()
    kinds = [kind for kind, _ in zip(cycle(VARIANTS), chosen, strict=False)]
    copies = [VARIANTS[kind](read_picture(slices[at].path)) for kind, at in zip(kinds, chosen, strict=True)]
    pairs = find_duplicates([*thumbnails, *map(make_thumbnail, copies)])
    groups = groups_of(len(slices) + COPIES, [(pair.first, pair.second) for pair in pairs])
    linked = groups[chosen] == groups[len(slices) :]
    missed = [(slices[at].file, kind) for at, kind, found in zip(chosen, kinds, linked, strict=True) if not found]
    assert len(missed) <= 0.01 * COPIES, missed


def test_the_figures_told_are_those_of_the_scans(slices: list[Slice], thumbnails: list[Thumbnail]) -> None:
    pairs = find_duplicates(thumbnails, least=min(THRESHOLDS))
    assert duplicate_figures(pairs, slices) == json.loads(RECORDED.read_text())
