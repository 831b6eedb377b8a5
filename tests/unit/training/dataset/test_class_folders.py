"""Folders named after labels, in the spellings that collections use."""

from pathlib import Path

import pytest

from shared.domain import TumorClass
from training.dataset.class_folders import label_of, read_class_folders
from training.dataset.entries import UnusableData


def put(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("glioma", "glioma"),
        ("Glioma_Tumor", "glioma"),
        ("gliomas", "glioma"),
        ("meningioma tumour", "meningioma"),
        ("pituitary_tumor", "pituitary"),
        ("no_tumor", "notumor"),
        ("No Tumour", "notumor"),
        ("no", "notumor"),
        ("healthy", "notumor"),
        ("normal", "notumor"),
    ],
)
def test_common_spellings_are_known(name: str, label: str) -> None:
    assert label_of(name) == TumorClass(label)


@pytest.mark.parametrize("name", ["yes", "tumor", "", "glioblastoma", "notumorglioma", "metastasis"])
def test_others_are_not_guessed(name: str) -> None:
    assert label_of(name) is None


def test_pictures_get_their_folders_label_and_a_name_below_the_folder(tmp_path: Path) -> None:
    put(
        tmp_path,
        "glioma/1.png",
        "glioma/p2/1.JPG",
        "glioma/3.dcm",
        "notumor/1.png",
        "notumor/.hidden.png",
        "notumor/.x/1.png",
    )
    lines: list[str] = []
    entries = read_class_folders(tmp_path, report=lines.append)
    assert [(entry.file, entry.label) for entry in entries] == [
        ("glioma/1.png", "glioma"),
        ("glioma/3.dcm", "glioma"),
        ("glioma/p2/1.JPG", "glioma"),
        ("notumor/1.png", "notumor"),
    ]
    assert not lines


def test_a_spelling_that_was_mapped_and_files_left_out_are_told(tmp_path: Path) -> None:
    lines: list[str] = []
    put(tmp_path, "no_tumor/1.png", "no_tumor/notes.txt", "glioma/1.png")
    read_class_folders(tmp_path, report=lines.append)
    assert lines == ["no_tumor is taken for notumor", "left out 1 files that are no pictures by their names"]


def test_a_link_to_a_folder_is_told(tmp_path: Path) -> None:
    lines: list[str] = []
    put(tmp_path / "elsewhere", "2.png")
    (put(tmp_path / "data", "glioma/1.png") / "glioma" / "more").symlink_to(tmp_path / "elsewhere")
    (entry,) = read_class_folders(tmp_path / "data", report=lines.append)
    assert (entry.file, lines) == (
        "glioma/1.png",
        ["warning: glioma/more is a link to a folder, and was not looked into"],
    )


def test_every_unknown_folder_is_named(tmp_path: Path) -> None:
    put(tmp_path, "glioma/1.png", "yes/1.png", "Testing/other/1.png")
    with pytest.raises(UnusableData) as caught:
        read_class_folders(tmp_path, report=lambda _: None)
    assert caught.value.problems == tuple(
        f"the folder {name} is none of glioma, meningioma, pituitary, notumor" for name in ("Testing/other", "yes")
    )


def test_training_and_testing_are_pooled_with_a_warning(tmp_path: Path) -> None:
    put(tmp_path, "Training/glioma/1.png", "Training/notumor/2.png", "Testing/glioma/1.png")
    lines: list[str] = []
    entries = read_class_folders(tmp_path, report=lines.append)
    assert [entry.file for entry in entries] == [
        "Testing/glioma/1.png",
        "Training/glioma/1.png",
        "Training/notumor/2.png",
    ]
    (line,) = lines
    assert line.startswith("warning: Testing, Training are pooled")


@pytest.mark.parametrize("name", ["1.png", "glioma/notes.txt", "glioma/.hidden.png"])
def test_a_folder_without_a_labelled_picture_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnusableData, match=r"no index\.csv and no class folder with a picture"):
        read_class_folders(put(tmp_path, name), report=lambda _: None)
