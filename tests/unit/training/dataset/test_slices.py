import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from shared.domain import TumorClass
from tests.unit.inference.phantoms import draw_head
from training.dataset.entries import UnusableData
from training.dataset.slices import check_patients_apart, load_examples, load_index, outline_in_image


@pytest.fixture
def small_datasets(tmp_path: Path) -> Path:
    root = tmp_path / "brain-mri"
    (root / "images").mkdir(parents=True)
    rows = [("a.png", "glioma", "figshare", "1", 0), ("b.png", "notumor", "br35h", "1", 1)]
    with (root / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "source", "patient", "fold"])
        writer.writerows(rows)
    outline = [[290, 190], [350, 190], [350, 250], [290, 250]]
    (root / "outlines.jsonl").write_text(json.dumps({"file": "a.png", "outline": outline}) + "\n")
    for name, tumour in (("a.png", (160, 110)), ("b.png", None)):
        cv2.imwrite(str(root / "images" / name), draw_head(256, 256, tumour=tumour))
    return tmp_path


def test_a_patient_in_two_folds_is_refused() -> None:
    check_patients_apart([("p1", 0), ("p1", 0), ("p2", 1)])
    with pytest.raises(ValueError, match="p1"):
        check_patients_apart([("p1", 0), ("p1", 1), ("p2", 1)])


def test_a_folder_without_the_data_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnusableData, match=r"brain-mri cannot be used:\n  there is no index.csv; NEUROBATCH_DATASETS"):
        load_index(tmp_path)


def test_a_fold_without_scans_is_told(small_datasets: Path) -> None:
    with pytest.raises(UnusableData, match="no scan is in fold 7, 9"):
        load_index(small_datasets, folds=[9, 7])


def test_patients_of_two_sources_are_not_the_same_patient(small_datasets: Path) -> None:
    assert len({item.patient for item in load_index(small_datasets)}) == 2


def test_only_the_folds_asked_for_are_loaded(small_datasets: Path) -> None:
    (item,) = load_index(small_datasets, folds=[1])
    assert item.label is TumorClass.NOTUMOR
    assert item.outline is None


def test_outlines_follow_the_crop_to_the_head(small_datasets: Path) -> None:
    examples = load_examples(load_index(small_datasets), size_px=80)
    assert not examples.outlines[1].any()
    inside = examples.pixels[0][examples.outlines[0] > 0]
    assert np.median(inside) > 240  # the drawn tumour is the brightest there is


def test_outlines_are_drawn_in_a_frame_of_512() -> None:
    outline = np.array([[0, 0], [512, 256]], np.float32)
    assert outline_in_image(outline, width=224, height=100).tolist() == [[0, 0], [224, 50]]


def test_no_patient_of_the_real_data_is_in_two_folds(datasets: Path) -> None:
    slices = load_index(datasets)
    assert len(slices) == 4301
    assert sum(item.outline is not None for item in slices) == 2679
