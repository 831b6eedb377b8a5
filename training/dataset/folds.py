"""Parts pictures into folds that keep whole whatever belongs together, and keeps that split in a file.

The file has the columns of an index: it can be looked at, and be put beside the pictures as their `index.csv`.
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold

from training.dataset.entries import Entry, UnusableData
from training.dataset.slices import OWN_SOURCE, Slice, as_slice

SPLIT_FILE = "split.csv"
FOLD_COUNT = 5
_COLUMNS = ["file", "label", "source", "patient", "fold"]

Integers = npt.NDArray[np.int64]


def groups_of(count: int, links: Iterable[tuple[int, int]]) -> Integers:
    """A number for each of `count` things, the same for all that links connect, directly or through others."""
    ends = np.array(list(links), np.int64).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), shape=(count, count))
    _, groups = connected_components(graph, directed=False)
    return np.asarray(groups, np.int64)


def draw_folds(labels: Integers, groups: Integers, *, seed: int) -> Integers:
    """Fold 0 to 4 of each picture: groups stay whole, labels are spread evenly.

    Raises ValueError for fewer than five groups, or fewer than five pictures of every label, and where groups are so
    uneven that a fold stays empty.
    """
    if len(np.unique(groups)) < FOLD_COUNT:
        raise ValueError(f"{len(np.unique(groups))} separate patients or clusters are too few for {FOLD_COUNT} folds")
    folds = np.zeros(len(labels), np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # rare labels: the caller tells of them in our words
        splitter = StratifiedGroupKFold(FOLD_COUNT, shuffle=True, random_state=seed)
        for fold, (_, inside) in enumerate(splitter.split(labels, labels, groups)):
            folds[inside] = fold
    if len(np.unique(folds)) < FOLD_COUNT:
        raise ValueError("the patients or clusters are too few and too uneven: a fold would be empty")
    return folds


def write_split(path: Path, slices: Sequence[Slice]) -> None:
    """Write the split as a CSV; an existing one is replaced whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    with unfinished.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(_COLUMNS)
        rows.writerows(
            [item.file, item.label, item.source, item.patient.removeprefix(f"{item.source}:"), item.fold]
            for item in slices
        )
    unfinished.replace(path)


def read_split(path: Path, entries: Sequence[Entry]) -> list[Slice]:
    """The slices of `entries` in the patients and folds that were written for them.

    Raises UnusableData where the data has changed since.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    changed = [entry.file for entry in entries if entry.file not in rows or not _agree(entry, rows[entry.file])]
    gone = sorted(set(rows) - {entry.file for entry in entries})
    problems = [f"{len(changed)} pictures are new or described otherwise: {', '.join(changed[:5])}"] if changed else []
    problems += [f"{len(gone)} pictures are gone: {', '.join(gone[:5])}"] if gone else []
    if problems:
        raise UnusableData(path, [*problems, "delete it, or choose another --run-dir, to split and train anew"])
    return [
        as_slice(entry, patient=rows[entry.file]["patient"], fold=int(rows[entry.file]["fold"])) for entry in entries
    ]


def _agree(entry: Entry, row: dict[str, str]) -> bool:
    return (
        row["label"] == entry.label
        and row["source"] == (entry.source or OWN_SOURCE)
        and entry.patient in ("", row["patient"])
        and entry.fold in (None, int(row["fold"]))
    )
