"""Reads a folder whose sub-folders are the labels, as most collections of brain MRI come.

Their authors spell the labels in many ways, and some ship a split of their own, which says nothing of patients: what
was made of such names is always told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from shared.domain import TumorClass
from training.dataset.entries import Entry, UnusableData
from training.dataset.index import INDEX_FILE

Report = Callable[[str], None]

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm"})
_PARTS = frozenset({"training", "testing", "train", "test", "validation", "valid", "val"})
_HEALTHY = frozenset({"no", "none", "normal", "healthy", "notumor", "notumors", "notumour", "notumours"})


def label_of(folder_name: str) -> TumorClass | None:
    """The label that a folder's name means; None where it is none of the known spellings.

    >>> label_of("No_Tumor"), label_of("glioma_tumor"), label_of("yes")
    (<TumorClass.NOTUMOR: 'notumor'>, <TumorClass.GLIOMA: 'glioma'>, None)
    """
    letters = re.sub(r"[^a-z]", "", folder_name.lower())
    if letters in _HEALTHY:
        return TumorClass.NOTUMOR
    kind = re.sub(r"(tumou?rs?|s)$", "", letters)
    return TumorClass(kind) if kind in set(TumorClass) - {TumorClass.NOTUMOR} else None


def read_class_folders(folder: Path, *, report: Report) -> list[Entry]:
    """The pictures in the class folders, sorted by name. Raises UnusableData for folders of unknown meaning.

    `Training/` and `Testing/` above the class folders are pooled, and that is told.
    """
    class_folders, unknown = _find_class_folders(folder)
    if unknown:
        known = ", ".join(TumorClass)
        raise UnusableData(folder, [f"the folder {name} is none of {known}" for name in unknown])
    _tell_parts(folder, report=report)
    entries: list[Entry] = []
    others = 0
    for where, label in class_folders:
        if where.name != label:
            report(f"{where.relative_to(folder)} is taken for {label}")
        found = [path for path in sorted(where.rglob("*")) if not _is_hidden(path, folder)]
        for link in (path for path in found if path.is_symlink() and path.is_dir()):
            report(f"warning: {link.relative_to(folder)} is a link to a folder, and was not looked into")
        files = [path for path in found if path.is_file()]
        pictures = [file for file in files if file.suffix.lower() in SUFFIXES]
        entries += [_entry(file, folder, label) for file in pictures]
        others += len(files) - len(pictures)
    if not entries:
        suffixes = ", ".join(sorted(SUFFIXES))
        raise UnusableData(folder, [f"no {INDEX_FILE} and no class folder with a picture ({suffixes}) in it"])
    if others:
        report(f"left out {others} files that are no pictures by their names")
    return entries


def _find_class_folders(folder: Path) -> tuple[list[tuple[Path, TumorClass]], list[str]]:
    """The class folders with their labels, and the names of the folders that are none."""
    found: list[tuple[Path, TumorClass]] = []
    unknown: list[str] = []
    for where in _subfolders_by_part(folder):
        label = label_of(where.name)
        if label is None:
            unknown.append(str(where.relative_to(folder)))
        else:
            found.append((where, label))
    return found, unknown


def _subfolders_by_part(folder: Path) -> Iterator[Path]:
    for where in _subfolders(folder):
        if where.name.lower() in _PARTS:
            yield from _subfolders(where)
        else:
            yield where


def _subfolders(folder: Path) -> list[Path]:
    return sorted(where for where in folder.iterdir() if where.is_dir() and not where.name.startswith("."))


def _tell_parts(folder: Path, *, report: Report) -> None:
    parts = [where.name for where in _subfolders(folder) if where.name.lower() in _PARTS]
    if parts:
        report(
            f"warning: {', '.join(parts)} are pooled: in the collections that come so, slices of one "
            "patient, and copies of one slice, lie on both sides"
        )


def _is_hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def _entry(file: Path, folder: Path, label: TumorClass) -> Entry:
    name = file.relative_to(folder).as_posix()
    return Entry(where=name, file=name, path=file.resolve(), label=label)
