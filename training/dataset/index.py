"""Reads an index of labelled pictures: `index.csv`, and `outlines.jsonl` beside it where tumours were outlined.

The shared data set and a folder of the user's own come through here alike. Everything that is wrong is told at once.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shared.domain import TumorClass
from training.dataset.entries import Entry, UnusableData

INDEX_FILE = "index.csv"
OUTLINES_FILE = "outlines.jsonl"
_NEEDED = ("file", "label")
_LABELS = ", ".join(TumorClass)

Row = Mapping[str, str]
Outline = npt.NDArray[np.float32]


def read_index(folder: Path) -> list[Entry]:
    """The pictures that `index.csv` names, in its order; the header is row 1, as a spreadsheet counts.

    Columns: `file` and `label`; `source`, `patient` and `fold` where they are known; others are ignored. A file is
    looked for beside the index and in `images/`. Raises UnusableData with all that is wrong.
    """
    problems: list[str] = []
    entries: list[Entry] = []
    rows_of: dict[Path, int] = {}
    for number, row in enumerate(_read_rows(folder), start=2):
        found = list(_problems(row, folder, rows_of=rows_of))
        problems += [f"row {number}: {problem}" for problem in found]
        if not found:
            rows_of[_path(folder, row["file"])] = number
            entries.append(_entry(row, number, folder))
    if not (entries or problems):
        problems.append("the index has no rows")
    problems += _problems_of_folds(entries)
    outlines = _read_outlines(folder / OUTLINES_FILE, problems)
    unknown = sorted(outlines.keys() - {entry.file for entry in entries})
    problems += [f"{OUTLINES_FILE} outlines {file!r}, which the index does not name" for file in unknown]
    if problems:
        raise UnusableData(folder / INDEX_FILE, problems)
    return [replace(entry, outline=outlines.get(entry.file)) for entry in entries]


def _read_rows(folder: Path) -> list[Row]:
    path = folder / INDEX_FILE
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # Excel begins a file with a mark
            table = csv.DictReader(file)
            rows: list[Row] = [{name: (value or "").strip() for name, value in row.items() if name} for row in table]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnusableData(path, [f"it is no CSV in UTF-8: {error}"]) from error
    missing = [name for name in _NEEDED if name not in (table.fieldnames or ())]
    if missing:
        raise UnusableData(path, [f"row 1: there is no column {name!r}" for name in missing])
    return rows


def _problems(row: Row, folder: Path, *, rows_of: Mapping[Path, int]) -> Iterator[str]:
    if not row["file"]:
        yield "no file is named"
    elif not _path(folder, row["file"]).is_file():
        yield f"there is no file {row['file']}"
    elif _path(folder, row["file"]) in rows_of:
        yield f"{row['file']} is in row {rows_of[_path(folder, row['file'])]} already"
    if row["label"] not in set(TumorClass):
        yield f"the label {row['label']!r} is none of {_LABELS}"
    if row.get("fold") and not row["fold"].isdecimal():
        yield f"the fold {row['fold']!r} is no number from 0"


def _problems_of_folds(entries: Sequence[Entry]) -> list[str]:
    without = [entry for entry in entries if entry.fold is None]
    if not without or len(without) == len(entries):
        return []
    return [f"{entry.where}: no fold is given, where other rows have one" for entry in without]


def _path(folder: Path, file: str) -> Path:
    beside = (folder / file).resolve()
    return beside if beside.is_file() else (folder / "images" / file).resolve()


def _entry(row: Row, number: int, folder: Path) -> Entry:
    return Entry(
        where=f"row {number}, {row['file']}",
        file=row["file"],
        path=_path(folder, row["file"]),
        label=TumorClass(row["label"]),
        source=row.get("source", ""),
        patient=row.get("patient", ""),
        fold=int(row["fold"]) if row.get("fold") else None,
    )


def _read_outlines(path: Path, problems: list[str]) -> Mapping[str, Outline]:
    """The outlines by file; what is wrong with a line is added to `problems`."""
    outlines: dict[str, Outline] = {}
    if not path.exists():
        return outlines
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            record = json.loads(line)
            outline = np.array(record["outline"], np.float32)
            outlines[str(record["file"])] = outline
        except (ValueError, TypeError, KeyError):
            outline = np.zeros(0, np.float32)
        if outline.ndim != 2 or outline.shape[1:] != (2,) or len(outline) < 3 or not np.isfinite(outline).all():
            problems.append(f"{OUTLINES_FILE} line {number}: needs a file and an outline of three (x, y) or more")
    return outlines
