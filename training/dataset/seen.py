"""Finds the pictures of one folder that show a slice of another: what a network was trained on, it may remember.

A figure on such pictures measures memory. The usual benchmark of brain tumours is mostly of this kind.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.dataset.alignment import make_thumbnail
from training.dataset.duplicates import find_duplicates
from training.dataset.own_data import Report, look_at, read_entries
from training.dataset.slices import Slice, read_picture

SEEN_FILE = "seen.csv"


@dataclass(frozen=True)
class Seen:
    """A picture that shows the slice `trained_on`; both by the names in their folders. `likeness` up to 1."""

    file: str
    trained_on: str
    mirrored: bool
    likeness: float


def find_seen(slices: Sequence[Slice], *, trained_on: Path, report: Report = print) -> list[Seen]:
    """Of each of the slices the one in `trained_on` (an index or class folders) that is most like it, where one is.

    Only the nearest few of each picture are looked at, in either folder: of many copies of one slice within a folder
    some may go unnoticed. Raises UnusableData where `trained_on` is no such folder, or a picture cannot be read.
    """
    entries = read_entries(trained_on, report=report)
    report(f"looking for the {len(slices)} pictures among the {len(entries)} of {trained_on}")
    known = look_at(entries, place=trained_on)
    asked = [make_thumbnail(read_picture(item.path)) for item in slices]
    best: dict[str, Seen] = {}
    for pair in find_duplicates([*asked, *known]):  # the most alike first
        if pair.first < len(slices) <= pair.second:
            seen = Seen(
                file=slices[pair.first].file,
                trained_on=entries[pair.second - len(slices)].file,
                mirrored=pair.mirrored,
                likeness=pair.likeness,
            )
            best.setdefault(seen.file, seen)
    return list(best.values())


def write_seen(path: Path, found: Sequence[Seen]) -> None:
    """Write them as a CSV, the most alike first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["file", "trained_on", "likeness", "mirrored"])
        rows.writerows([it.file, it.trained_on, f"{it.likeness:.3f}", int(it.mirrored)] for it in found)
