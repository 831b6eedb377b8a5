"""That a rival which does less than we do is found out."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.rivals.results import Row
from benchmarks.rivals.same_work import NotTheSameWork, check
from benchmarks.scans import SIDE_PX

EXPECTED = {"00000.jpg": "glioma", "00001.jpg": "notumor"}


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    return [_row(scan, label, tmp_path) for scan, label in EXPECTED.items()]


def test_the_same_work_passes_in_any_order(rows: list[Row]) -> None:
    check("a rival", rows, EXPECTED)
    check("a rival", rows[::-1], EXPECTED)


def test_a_missing_or_doubled_or_unknown_scan_is_found(rows: list[Row]) -> None:
    for wrong in (rows[:1], [*rows, rows[0]], [*rows, rows[0]._replace(scan="other.jpg")]):
        with pytest.raises(NotTheSameWork, match="a rival: not one row for each scan"):
            check("a rival", wrong, EXPECTED)


def test_one_file_for_two_scans_is_found(rows: list[Row]) -> None:
    with pytest.raises(NotTheSameWork, match="share files"):
        check("a rival", [rows[0], rows[1]._replace(map=rows[0].map)], EXPECTED)


def test_another_label_is_found(rows: list[Row]) -> None:
    with pytest.raises(NotTheSameWork, match=r"a rival, 00001\.jpg: the label is pituitary, ours notumor"):
        check("a rival", [rows[0], rows[1]._replace(label="pituitary")], EXPECTED)


def test_probabilities_that_are_none_are_found(rows: list[Row]) -> None:
    with pytest.raises(NotTheSameWork, match="sum to"):
        check("a rival", [rows[0], rows[1]._replace(glioma=0.5)], EXPECTED)


@pytest.mark.parametrize("column", ["overlay", "map"])
def test_a_missing_or_empty_file_is_found(rows: list[Row], column: str) -> None:
    path = Path(getattr(rows[1], column))
    path.write_bytes(b"")
    with pytest.raises(NotTheSameWork, match="missing or broken"):
        check("a rival", rows, EXPECTED)
    path.unlink()
    with pytest.raises(NotTheSameWork, match="missing or broken"):
        check("a rival", rows, EXPECTED)


def test_a_small_overlay_is_found(rows: list[Row]) -> None:
    cv2.imwrite(rows[0].overlay, np.zeros((SIDE_PX // 2, SIDE_PX, 3), np.uint8))
    with pytest.raises(NotTheSameWork, match="the overlay has 512 x 256 pixels"):
        check("a rival", rows, EXPECTED)


@pytest.mark.parametrize("heat", [np.full((4, 4), np.nan), np.full((4, 4), 2.0), np.zeros(4)])
def test_a_map_that_is_none_is_found(rows: list[Row], heat: np.ndarray) -> None:
    np.save(rows[0].map, heat)
    with pytest.raises(NotTheSameWork, match="the map"):
        check("a rival", rows, EXPECTED)


def _row(scan: str, label: str, folder: Path) -> Row:
    overlay, raw_map = folder / f"{scan}.overlay.jpg", folder / f"{scan}.npy"
    cv2.imwrite(str(overlay), np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8))
    np.save(raw_map, np.zeros((32, 32), np.float32))
    return Row(scan, label, 0.1, 0.2, 0.3, 0.4, str(overlay), str(raw_map))
