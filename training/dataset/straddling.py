"""Tells of near-duplicates where they do harm: in two folds, under two patients, with two labels."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from training.dataset.duplicates import Pair
from training.dataset.entries import Entry
from training.dataset.slices import Slice

DUPLICATES_FILE = "duplicates.csv"
_FIRST_TOLD = 5
_COLUMNS = ["first", "second", "likeness", "mirrored", "apart_in"]

_WARNINGS: Mapping[str, str] = {
    "folds": "lie in two folds: what is trained on one has seen the answer to the other, and figures flatter",
    "patients": "show the same slice under two patients: if these are one person, give them one name",
    "labels": "show the same slice under two labels: one of them is wrong",
}


def tell_of_duplicates(
    pairs: Sequence[Pair],
    entries: Sequence[Entry],
    slices: Sequence[Slice],
    *,
    run_dir: Path,
    report: Callable[[str], None],
) -> None:
    """Warn of pairs that straddle something, and write all `pairs` to `duplicates.csv` in `run_dir`.

    `slices` are those of `entries`, which say whether a patient was given.
    """
    path = run_dir / DUPLICATES_FILE
    apart = [list(_apart_in(pair, entries, slices)) for pair in pairs]
    _write(path, pairs, apart, slices)
    for what, meaning in _WARNINGS.items():
        found = [pair for pair, reasons in zip(pairs, apart, strict=True) if what in reasons]
        if found:
            first = "; ".join(f"{slices[it.first].file} and {slices[it.second].file}" for it in found[:_FIRST_TOLD])
            report(f"warning: {len(found)} near-duplicate pairs {meaning}. The first: {first}. All are in {path}")


def _apart_in(pair: Pair, entries: Sequence[Entry], slices: Sequence[Slice]) -> Iterator[str]:
    first, second = slices[pair.first], slices[pair.second]
    if first.fold != second.fold:
        yield "folds"
    if entries[pair.first].patient and entries[pair.second].patient and first.patient != second.patient:
        yield "patients"
    if first.label is not second.label:
        yield "labels"


def _write(path: Path, pairs: Sequence[Pair], apart: Sequence[Sequence[str]], slices: Sequence[Slice]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(_COLUMNS)
        for pair, reasons in zip(pairs, apart, strict=True):
            names = (slices[pair.first].file, slices[pair.second].file)
            rows.writerow([*names, f"{pair.likeness:.3f}", int(pair.mirrored), " ".join(reasons)])
