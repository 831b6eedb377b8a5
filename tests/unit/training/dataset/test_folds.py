"""Folds tear no group, have a fair share of every label, and can be read again."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.domain import TumorClass
from training.dataset.entries import Entry, UnusableData
from training.dataset.folds import draw_folds, groups_of, read_split, write_split
from training.dataset.slices import as_slice


def test_what_is_linked_through_others_is_one_group() -> None:
    groups = groups_of(6, [(0, 1), (1, 4), (2, 3)])
    assert groups[0] == groups[1] == groups[4]
    assert groups[2] == groups[3]
    assert len(set(groups.tolist())) == 3


def test_nothing_is_linked_without_links() -> None:
    assert len(set(groups_of(4, []).tolist())) == 4


def test_groups_stay_whole_and_labels_are_spread_evenly() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(200), rng.integers(1, 9, 200))
    labels = (groups % 4).astype(np.int64)
    folds = draw_folds(labels, groups, seed=3)
    assert all(len(set(folds[groups == group])) == 1 for group in range(200))
    shares = np.array([np.bincount(labels[folds == fold], minlength=4) / np.bincount(labels) for fold in range(5)])
    assert np.abs(shares - 0.2).max() < 0.05


def test_a_fold_that_would_be_empty_is_told() -> None:
    groups = np.repeat(np.arange(5), [28, 13, 4, 20, 26])
    labels = np.array([1, 2, 3, 2, 1])[groups]
    with pytest.raises(ValueError, match="a fold would be empty"):
        draw_folds(labels, groups, seed=0)


def test_the_seed_alone_decides() -> None:
    labels, groups = np.arange(60) % 4, np.arange(60) // 2
    np.testing.assert_array_equal(draw_folds(labels, groups, seed=3), draw_folds(labels, groups, seed=3))
    assert (draw_folds(labels, groups, seed=3) != draw_folds(labels, groups, seed=4)).any()


def test_a_rare_label_is_split_without_a_warning() -> None:
    labels = np.array([0] * 20 + [1])
    assert set(draw_folds(labels, np.arange(21), seed=0).tolist()) == set(range(5))


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="4 separate patients or clusters are too few for 5 folds"):
        draw_folds(np.zeros(20, np.int64), np.arange(20) % 4, seed=0)


ENTRIES = [
    Entry("row 2", "a/1.png", Path("/x/a/1.png"), TumorClass.GLIOMA, patient="p"),
    Entry("row 3", "b/1.png", Path("/x/b/1.png"), TumorClass.NOTUMOR, source="there"),
]


@pytest.fixture
def split(tmp_path: Path) -> Path:
    path = tmp_path / "run" / "split.csv"
    patients = ["p", "cluster-7"]
    write_split(
        path, [as_slice(entry, patient=patient, fold=4) for entry, patient in zip(ENTRIES, patients, strict=True)]
    )
    return path


def test_a_split_is_read_as_it_was_written(split: Path) -> None:
    assert split.read_text().splitlines() == [
        "file,label,source,patient,fold",
        "a/1.png,glioma,own,p,4",
        "b/1.png,notumor,there,cluster-7,4",
    ]
    first, second = read_split(split, ENTRIES)
    assert (first.patient, first.source, first.fold, first.file) == ("own:p", "own", 4, "a/1.png")
    assert second.patient == "there:cluster-7"


@pytest.mark.parametrize(
    "change", [{"label": TumorClass.PITUITARY}, {"source": "here"}, {"patient": "q"}, {"fold": 1}, {"file": "c.png"}]
)
def test_a_split_of_other_data_is_refused(split: Path, change: dict[str, Any]) -> None:
    with pytest.raises(UnusableData, match="new or described otherwise"):
        read_split(split, [replace(ENTRIES[0], **change), ENTRIES[1]])


def test_a_split_that_has_lost_a_picture_is_refused(split: Path) -> None:
    with pytest.raises(UnusableData, match=r"1 pictures are gone: b/1\.png"):
        read_split(split, ENTRIES[:1])
