"""A folder of one's own: what is given is kept, what is missing is made, what is dangerous is told."""

import csv
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.unit.training.brains import VARIANTS, Picture, draw_brain
from training.dataset.entries import UnusableData
from training.dataset.own_data import load_own_data
from training.dataset.slices import Slice

LABELS = ("glioma", "meningioma", "pituitary", "notumor")

Load = Callable[[], tuple[list[Slice], list[str]]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads `data` into `run`; the slices and what was told."""

    def load() -> tuple[list[Slice], list[str]]:
        lines: list[str] = []
        return load_own_data(tmp_path / "data", run_dir=tmp_path / "run", report=lines.append), lines

    return load


def save(path: Path, picture: Picture) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def write_index(folder: Path, header: str, rows: Sequence[str]) -> None:
    (folder / "index.csv").write_text("\n".join([header, *rows]) + "\n")


@pytest.fixture
def class_folders(tmp_path: Path) -> Path:
    """Six people a label, one slice and its altered copy of each."""
    folder = tmp_path / "data"
    changes = list(VARIANTS.values())
    for kind, label in enumerate(LABELS):
        for person in range(6):
            brain = draw_brain(10 * kind + person)
            save(folder / label / f"{person}.png", brain)
            save(folder / label / f"{person}-copy.png", changes[person](brain))
    return folder


def test_clusters_of_near_duplicates_stand_for_patients(class_folders: Path, load: Load) -> None:
    slices, lines = load()
    assert len({item.file for item in slices}) == len(slices) == 48
    people = defaultdict(set)
    for item in slices:
        people[item.patient].add(item.file.replace("-copy", ""))
    assert sorted(map(len, people.values())) == [1] * 24  # each cluster is one slice and its copy
    folds = defaultdict(set)
    for item in slices:
        folds[item.patient].add(item.fold)
    assert all(len(where) == 1 for where in folds.values())
    assert {item.fold for item in slices} == set(range(5))
    assert sum("warning" in line for line in lines) == 1
    assert any("no patient is given for 48 pictures; 24 clusters" in line for line in lines)


def test_every_label_is_in_every_fold(class_folders: Path, load: Load) -> None:
    slices, lines = load()
    for fold in range(5):
        assert {item.label for item in slices if item.fold == fold} == set(LABELS)
    assert sum(line.startswith("fold ") for line in lines) == 5


def test_the_split_is_written_and_used_again(class_folders: Path, load: Load, tmp_path: Path) -> None:
    slices, _ = load()
    again, lines = load()
    assert [(item.file, item.patient, item.fold) for item in again] == [
        (item.file, item.patient, item.fold) for item in slices
    ]
    assert lines == [f"patients and folds as in {tmp_path / 'run' / 'split.csv'}"]
    save(class_folders / "glioma" / "new.png", draw_brain(99))
    with pytest.raises(UnusableData, match=r"1 pictures are new .*glioma/new\.png"):
        load()


def test_the_split_can_be_put_beside_the_pictures_as_their_index(
    class_folders: Path, load: Load, tmp_path: Path
) -> None:
    slices, _ = load()
    (tmp_path / "run" / "split.csv").rename(class_folders / "index.csv")
    again, lines = load()
    assert [(item.file, item.patient, item.fold) for item in again] == [
        (item.file, item.patient, item.fold) for item in slices
    ]
    assert not any("warning" in line for line in lines)


def test_two_folders_that_hold_a_copy_of_each_other_are_pooled(class_folders: Path, load: Load) -> None:
    """What the collections that go round do: a test slice is a training slice in a mirror."""
    for label in LABELS:
        (class_folders / "Training").mkdir(exist_ok=True)
        (class_folders / label).rename(class_folders / "Training" / label)
        save(class_folders / "Testing" / label / "0.png", VARIANTS["mirror"](draw_brain(10 * LABELS.index(label))))
    slices, lines = load()
    folds = {item.file: item.fold for item in slices}
    for label in LABELS:
        assert folds[f"Testing/{label}/0.png"] == folds[f"Training/{label}/0.png"]
    assert lines[0].startswith("warning: Testing, Training are pooled")


@pytest.fixture
def twins(tmp_path: Path) -> Path:
    """a.png, and b.png, which is a.png mirrored; ten others."""
    folder = tmp_path / "data"
    save(folder / "a.png", draw_brain(0))
    save(folder / "b.png", VARIANTS["mirror"](draw_brain(0)))
    for other in range(10):
        save(folder / f"{other}.png", draw_brain(other + 1))
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def others(*, patients: bool = True, folds: bool = False) -> list[str]:
    return [f"{n}.png,notumor," + (f"p{n}" if patients else "") + (f",{n % 2}" if folds else "") for n in range(10)]


def test_a_duplicate_in_two_folds_is_warned_of(twins: Path, load: Load, tmp_path: Path) -> None:
    write_index(twins, "file,label,patient,fold", ["a.png,notumor,,0", "b.png,notumor,,1", *others(folds=True)])
    slices, lines = load()
    assert [item.fold for item in slices[:2]] == [0, 1]
    (warning,) = [line for line in lines if "two folds" in line]
    assert warning.startswith("warning: 1 near-duplicate pairs lie in two folds")
    assert "a.png and b.png" in warning
    assert str(tmp_path / "run" / "duplicates.csv") in warning
    (row,) = rows_of(tmp_path / "run" / "duplicates.csv")
    assert (row["first"], row["second"], row["mirrored"], row["apart_in"]) == ("a.png", "b.png", "1", "folds")
    assert float(row["likeness"]) > 0.95
    (tmp_path / "run" / "split.csv").replace(twins / "index.csv")
    again, _ = load()
    assert [(item.patient, item.fold) for item in again] == [(item.patient, item.fold) for item in slices]


def test_a_slice_of_two_patients_is_warned_of_and_kept_in_one_fold(twins: Path, load: Load, tmp_path: Path) -> None:
    write_index(twins, "file,label,patient", ["a.png,notumor,x", "b.png,notumor,y", *others()])
    slices, lines = load()
    assert [item.patient for item in slices[:2]] == ["own:x", "own:y"]
    assert slices[0].fold == slices[1].fold
    (warning,) = [line for line in lines if "two patients" in line]
    assert "a.png and b.png" in warning
    assert rows_of(tmp_path / "run" / "duplicates.csv")[0]["apart_in"] == "patients"


def test_a_slice_with_two_labels_is_warned_of(twins: Path, load: Load) -> None:
    write_index(twins, "file,label,patient", ["a.png,glioma,x", "b.png,notumor,x", *others()])
    _, lines = load()
    assert any(
        line.startswith("warning: 1 near-duplicate pairs show the same slice under two labels") for line in lines
    )


def test_what_straddles_nothing_is_no_warning(twins: Path, load: Load, tmp_path: Path) -> None:
    rows = ["a.png,notumor,x,0", "b.png,notumor,x,0", *others(folds=True)]
    write_index(twins, "file,label,patient,fold", rows)
    _, lines = load()
    assert not any("near-duplicate pairs" in line for line in lines)
    assert rows_of(tmp_path / "run" / "duplicates.csv")[0]["apart_in"] == ""


def test_a_label_with_too_few_patients_is_told(twins: Path, load: Load) -> None:
    write_index(twins, "file,label,patient", ["a.png,glioma,x", "b.png,glioma,x", *others()])
    _, lines = load()
    assert "warning: glioma has 1 separate patients or clusters: not every fold can have one" in lines
    assert "warning: pituitary has 0 separate patients or clusters: not every fold can have one" in lines


def test_a_patient_in_two_folds_is_refused(twins: Path, load: Load) -> None:
    write_index(twins, "file,label,patient,fold", ["a.png,notumor,x,0", "b.png,notumor,x,1"])
    with pytest.raises(UnusableData, match="1 patients are in more than one fold: own:x"):
        load()


def test_too_few_patients_are_refused(twins: Path, load: Load) -> None:
    write_index(twins, "file,label", ["a.png,notumor", "b.png,notumor", "1.png,glioma"])
    with pytest.raises(UnusableData, match="2 separate patients or clusters are too few for 5 folds"):
        load()


def test_every_picture_that_cannot_be_read_is_named_with_its_row(twins: Path, load: Load, tmp_path: Path) -> None:
    (twins / "a.png").write_bytes(b"no picture")
    save(twins / "b.png", np.full((100, 100), 40, np.uint8))
    write_index(twins, "file,label,patient", ["a.png,notumor,x", "b.png,notumor,y", *others()])
    with pytest.raises(UnusableData) as caught:
        load()
    assert caught.value.problems == (
        "row 2, a.png: the file is not an image",
        "row 3, b.png: the picture is blank: no head stands out",
    )
    assert not (tmp_path / "run" / "split.csv").exists()
