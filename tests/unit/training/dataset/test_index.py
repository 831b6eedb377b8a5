"""An index says what a picture is; whatever is wrong with it is told at once, with its row."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from shared.domain import TumorClass
from training.dataset.entries import UnusableData
from training.dataset.index import read_index


def write(
    folder: Path, rows: Sequence[str], *, files: Sequence[str] = ("a.png", "b.png"), encoding: str = "utf-8"
) -> Path:
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"")
    (folder / "index.csv").write_text("\n".join(rows) + "\n", encoding=encoding)
    return folder


def problems_of(folder: Path) -> list[str]:
    with pytest.raises(UnusableData) as caught:
        read_index(folder)
    assert str(folder / "index.csv") in str(caught.value)
    return list(caught.value.problems)


def test_file_and_label_are_enough(tmp_path: Path) -> None:
    first, second = read_index(write(tmp_path, ["file,label", "a.png,glioma", "b.png,notumor"]))
    assert (first.file, first.label, first.source, first.patient, first.fold) == (
        "a.png",
        TumorClass.GLIOMA,
        "",
        "",
        None,
    )
    assert second.path == (tmp_path / "b.png").resolve()
    assert second.outline is None


def test_all_that_is_known_is_read(tmp_path: Path) -> None:
    write(tmp_path, ["fold,patient,source,label,file,note", "3,p1,here,glioma,a.png,x"])
    outline = [[1, 2], [3, 4], [5, 1]]
    (tmp_path / "outlines.jsonl").write_text(json.dumps({"file": "a.png", "outline": outline}) + "\n")
    (entry,) = read_index(tmp_path)
    assert (entry.source, entry.patient, entry.fold) == ("here", "p1", 3)
    np.testing.assert_array_equal(entry.outline, np.array(outline, np.float32))


def test_files_may_lie_in_images(tmp_path: Path) -> None:
    write(tmp_path, ["file,label", "a.png,glioma"], files=["images/a.png"])
    assert read_index(tmp_path)[0].path == (tmp_path / "images" / "a.png").resolve()


def test_what_excel_writes_is_read(tmp_path: Path) -> None:
    assert len(read_index(write(tmp_path, ["file,label", "a.png,glioma"], encoding="utf-8-sig"))) == 1


def test_everything_wrong_is_told_at_once_with_its_row(tmp_path: Path) -> None:
    rows = ["file,label,fold", "a.png,glioma,0", "c.png,glioma,0", "b.png,tumor,1", "a.png,glioma,0", ",glioma,x"]
    assert problems_of(write(tmp_path, rows)) == [
        "row 3: there is no file c.png",
        "row 4: the label 'tumor' is none of glioma, meningioma, pituitary, notumor",
        "row 5: a.png is in row 2 already",
        "row 6: no file is named",
        "row 6: the fold 'x' is no number from 0",
    ]


def test_one_file_by_two_names_is_a_duplicate_row(tmp_path: Path) -> None:
    assert problems_of(write(tmp_path, ["file,label", "a.png,glioma", "./a.png,glioma"])) == [
        "row 3: ./a.png is in row 2 already"
    ]


def test_a_fold_in_some_rows_only_is_refused(tmp_path: Path) -> None:
    rows = ["file,label,fold", "a.png,glioma,0", "b.png,glioma,"]
    assert problems_of(write(tmp_path, rows)) == ["row 3, b.png: no fold is given, where other rows have one"]


def test_the_first_twenty_problems_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    write(tmp_path, ["file,label", *(f"{number}.png,glioma" for number in range(25))], files=[])
    with pytest.raises(UnusableData) as caught:
        read_index(tmp_path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 22
    assert lines[20] == "  row 21: there is no file 19.png"
    assert lines[21] == "  ... and 5 more"


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["name,label", "a.png,glioma"], "row 1: there is no column 'file'"),
        (["file", "a.png"], "row 1: there is no column 'label'"),
        (["file,label"], "the index has no rows"),
    ],
)
def test_an_index_without_what_is_needed_is_refused(tmp_path: Path, rows: list[str], told: str) -> None:
    assert problems_of(write(tmp_path, rows)) == [told]


def test_another_encoding_is_refused(tmp_path: Path) -> None:
    write(tmp_path, ["file,label", "ä.png,glioma"], files=[], encoding="latin-1")
    (problem,) = problems_of(tmp_path)
    assert "no CSV in UTF-8" in problem


@pytest.mark.parametrize(
    "line",
    [
        "{",
        '{"file": "a.png"}',
        '{"file": "a.png", "outline": [[1, 2], [3, 4]]}',
        '{"file": "a.png", "outline": [1, 2, 3]}',
        "[]",
    ],
)
def test_an_outline_that_is_none_is_refused(tmp_path: Path, line: str) -> None:
    write(tmp_path, ["file,label", "a.png,glioma"])
    (tmp_path / "outlines.jsonl").write_text(line + "\n")
    assert problems_of(tmp_path) == ["outlines.jsonl line 1: needs a file and an outline of three (x, y) or more"]


def test_an_outline_of_a_file_that_is_not_named_is_told(tmp_path: Path) -> None:
    write(tmp_path, ["file,label", "a.png,glioma"])
    line = {"file": "images/a.png", "outline": [[1, 2], [3, 4], [5, 6]]}
    (tmp_path / "outlines.jsonl").write_text(json.dumps(line) + "\n")
    assert problems_of(tmp_path) == ["outlines.jsonl outlines 'images/a.png', which the index does not name"]
