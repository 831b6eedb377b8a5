import numpy as np
import pytest

from shared.heatmaps import Frame
from training.evaluation.scoring import score_heatmap

# A tumour of 20 x 20 pixels in a picture of 100 x 100, all of which is brain but its left half.
OUTLINE = np.array([[60, 30], [79, 30], [79, 49], [60, 49]], np.float32)
WHOLE = Frame(x=0, y=0, side=100)


def picture() -> np.ndarray:
    image = np.zeros((100, 100), np.uint8)
    image[:, 50:] = 100
    image[90, 90] = 250
    return image


def test_a_map_that_is_the_tumour() -> None:
    heat = np.zeros((100, 100), np.float32)
    heat[30:50, 60:80] = 1
    score = score_heatmap(heat, picture(), OUTLINE, frame=WHOLE)
    assert (score.peak_in_box, score.peak_in_outline) == (True, True)
    assert score.energy_in_box == score.energy_in_outline == score.iou == 1
    assert score.area == pytest.approx(0.04)


def test_a_map_beside_the_tumour() -> None:
    heat = np.zeros((100, 100), np.float32)
    heat[30:50, 70:90] = 0.5  # half of it in the tumour
    heat[5, 5] = 0.6
    score = score_heatmap(heat, picture(), OUTLINE, frame=WHOLE)
    assert (score.peak_in_box, score.peak_in_outline) == (False, False)
    assert score.energy_in_box == pytest.approx(100 / 200.6)
    assert score.iou == pytest.approx(200 / 601)


def test_baselines_need_no_map() -> None:
    score = score_heatmap(np.zeros((100, 100), np.float32), picture(), OUTLINE, frame=WHOLE)
    assert score.energy_in_box == score.iou == 0
    assert score.centre_in_box == 0
    assert score.brightest_in_box == 0
    assert score.uniform_in_box == score.uniform_iou == pytest.approx(400 / 5000, rel=0.05)
    assert score.brightest_iou == 0
    assert 0 < score.centre_iou < 0.02  # the disc reaches a corner of the tumour
    shown = picture()
    shown[38:43, 68:73] = 255
    found = score_heatmap(np.zeros((100, 100), np.float32), shown, OUTLINE, frame=WHOLE)
    assert found.brightest_in_outline == 1
    # A disc and a square as large as it, around one point, less half a pixel.
    assert found.brightest_iou == pytest.approx(0.83, abs=0.03)


def test_the_box_is_wider_than_the_outline() -> None:
    triangle = np.array([[60, 30], [79, 30], [60, 49]], np.float32)
    heat = np.zeros((100, 100), np.float32)
    heat[48, 78] = 1
    score = score_heatmap(heat, picture(), triangle, frame=WHOLE)
    assert (score.peak_in_box, score.peak_in_outline) == (True, False)
    assert (score.energy_in_box, score.energy_in_outline) == (1, 0)
    assert score.uniform_in_outline == pytest.approx(score.uniform_in_box / 2, rel=0.1)
