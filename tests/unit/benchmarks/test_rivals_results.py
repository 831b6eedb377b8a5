"""Rows come back as they were written, from both kinds of file."""

import csv
from pathlib import Path

import pytest

from benchmarks.rivals.results import Row, read_rows, row_of, write_rows

ROWS = [
    Row("00000.jpg", "glioma", 0.7, 0.1, 0.1, 0.1, "a.jpg", "a.npy"),
    Row("00001.jpg", "notumor", 0.0, 0.25, 0.25, 0.5, "b.jpg", "b.npy"),
]


def test_rows_in_sqlite(tmp_path: Path) -> None:
    write_rows(tmp_path / "0.sqlite", ROWS)
    assert read_rows(tmp_path / "0.sqlite") == ROWS


def test_rows_in_csv(tmp_path: Path) -> None:
    with (tmp_path / "results.csv").open("w", newline="") as file:
        csv.writer(file).writerows([Row._fields, *ROWS])
    assert read_rows(tmp_path / "results.csv") == ROWS


def test_a_servers_answer_becomes_a_row() -> None:
    answer = dict(zip(Row._fields[1:], ROWS[0][1:], strict=True))
    assert row_of("00000.jpg", answer) == ROWS[0]
    assert ROWS[0].probabilities == (0.7, 0.1, 0.1, 0.1)


def test_an_answer_that_lacks_something_is_refused() -> None:
    with pytest.raises(KeyError):
        row_of("00000.jpg", {"label": "glioma"})
