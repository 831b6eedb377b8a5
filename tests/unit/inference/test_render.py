"""Pictures for people: the scan stays whole and readable, and the legend stands beside it."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.unit.inference.phantoms import draw_head
from worker.inference.render import heatmap_png, overlay


def spot(width: int, height: int, *, at: tuple[int, int]) -> npt.NDArray[np.float32]:
    heat = np.zeros((height, width), np.float32)
    cv2.circle(heat, at, max(2, width // 10), 1.0, -1)
    return heat


def picture(data: bytes) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)


@pytest.mark.parametrize(("width", "height"), [(64, 64), (120, 300), (300, 120), (512, 512), (2000, 1700)])
def test_the_page_is_larger_than_the_scan_on_it_and_of_a_readable_size(width: int, height: int) -> None:
    page = picture(overlay(draw_head(width, height), spot(width, height, at=(9, 9)), label_text="Glioma 97%"))
    assert 400 <= max(page.shape[:2]) <= 1300
    assert page.shape[1] >= 350


def test_colour_lies_on_the_evidence_and_nowhere_else_on_the_scan() -> None:
    head = draw_head(512, 512)
    page = picture(overlay(head, spot(512, 512, at=(150, 300)), label_text="Glioma 97%"))
    scan = page[:512, :512].astype(int)
    colourfulness = scan.max(axis=2) - scan.min(axis=2)
    assert colourfulness[300, 150] > 60
    assert np.median(colourfulness[100:200, 300:400]) < 12
    assert np.abs(scan[100:200, 300:400].mean(axis=2) - head[100:200, 300:400]).mean() < 6


def test_the_legend_shows_every_colour_beside_the_scan_and_the_label_below() -> None:
    blank = np.zeros((512, 512), np.uint8)
    page = picture(overlay(blank, np.zeros((512, 512), np.float32), label_text="Pituitary 88%")).astype(int)
    beside, below = page[:512, 512:], page[512:]
    assert (beside.max(axis=2) - beside.min(axis=2) > 100).sum() > 2_000
    assert (below.min(axis=2) > 150).sum() > 100


def test_the_bare_map_keeps_size_and_values() -> None:
    heat = np.linspace(0, 1, 70 * 90, dtype=np.float32).reshape(70, 90)
    read = cv2.imdecode(np.frombuffer(heatmap_png(heat), np.uint8), cv2.IMREAD_UNCHANGED)
    assert read is not None
    assert read.shape == (70, 90)
    assert np.abs(read / 255 - heat).max() <= 0.5 / 255 + 1e-6
