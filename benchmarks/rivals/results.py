"""One row per scan, as each rival leaves them, and how they are kept.

The servers keep no results, so the client that asked writes the rows: into SQLite, all in one transaction, which is
the cheapest way that can still be queried. The usual script writes the CSV file that it mostly writes. Standard library
only, because every environment imports this.
"""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

CLASSES = ("glioma", "meningioma", "pituitary", "notumor")


class Row(NamedTuple):
    """One scan's result: the file's name, its label, the calibrated probabilities, and where the two files lie."""

    scan: str
    label: str
    glioma: float
    meningioma: float
    pituitary: float
    notumor: float
    overlay: str
    map: str

    @property
    def probabilities(self) -> tuple[float, ...]:
        """In the order of `CLASSES`."""
        return tuple(getattr(self, name) for name in CLASSES)


def row_of(scan: str, answer: Mapping[str, Any]) -> Row:
    """What a server answered about a scan, as a row; KeyError where something is missing."""
    return Row(scan, *(answer[column] for column in Row._fields[1:]))


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Into a new SQLite file, durably."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(f"CREATE TABLE results ({', '.join(Row._fields)})")
        places = ", ".join("?" * len(Row._fields))
        database.executemany(f"INSERT INTO results VALUES ({places})", rows)  # noqa: S608 - of our own field names


def read_rows(path: Path) -> list[Row]:
    """From SQLite, or from CSV with a header where the file's name ends so."""
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return [_typed(row) for row in csv.DictReader(file)]
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        columns = ", ".join(Row._fields)
        return [Row(*row) for row in database.execute(f"SELECT {columns} FROM results")]  # noqa: S608 - as above


def _typed(row: Mapping[str, str]) -> Row:
    return row_of(row["scan"], {**row, **{name: float(row[name]) for name in CLASSES}})
