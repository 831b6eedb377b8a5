"""The network sees the head, whatever surrounds it and however bright it is."""

import cv2
import numpy as np
import pytest

from shared.errors import InvalidScan
from tests.unit.inference.phantoms import draw_head
from worker.inference.preprocess import prepare

SIZE_PX = 96


def test_pixels_are_normalised_and_of_the_size_asked_for() -> None:
    prepared = prepare(draw_head(), size_px=SIZE_PX)
    assert prepared.pixels.shape == (SIZE_PX, SIZE_PX)
    assert prepared.pixels.dtype == np.float32
    assert prepared.pixels.min() >= 0
    assert 0.9 < prepared.pixels.max() <= 1


def test_a_wide_black_border_changes_little() -> None:
    head = draw_head()
    bordered = np.pad(head, ((60, 140), (90, 10)))
    difference = prepare(head, size_px=SIZE_PX).pixels - prepare(bordered, size_px=SIZE_PX).pixels
    assert np.abs(difference).mean() < 0.05  # the head is found to a pixel or two


def test_exposure_changes_little() -> None:
    head = draw_head()
    dim = (head * 0.4 + 20).astype(np.uint8)
    difference = prepare(head, size_px=SIZE_PX).pixels - prepare(dim, size_px=SIZE_PX).pixels
    assert np.abs(difference).mean() < 0.02


@pytest.mark.parametrize(("width", "height"), [(240, 256), (64, 64), (900, 500), (500, 1400)])
def test_the_frame_says_where_the_pixels_come_from(width: int, height: int) -> None:
    tumour = (int(width * 0.62), int(height * 0.4))
    prepared = prepare(draw_head(width, height, tumour=tumour), size_px=SIZE_PX)
    frame, scale = prepared.frame, SIZE_PX / prepared.frame.side
    column, row = int((tumour[0] - frame.x) * scale), int((tumour[1] - frame.y) * scale)
    assert prepared.pixels[row, column] > 0.95
    assert frame.side >= 0.7 * max(width, height)


@pytest.mark.parametrize("level", [0, 90, 255])
def test_a_blank_picture_holds_no_brain(level: int) -> None:
    with pytest.raises(InvalidScan, match="blank") as caught:
        prepare(np.full((200, 200), level, np.uint8), size_px=SIZE_PX)
    assert caught.value.code == "no_brain_found"


def test_specks_are_no_brain() -> None:
    image = np.zeros((300, 300), np.uint8)
    for x in range(20, 300, 40):
        cv2.circle(image, (x, x), 7, 255, -1)
    with pytest.raises(InvalidScan) as caught:
        prepare(image, size_px=SIZE_PX)
    assert caught.value.code == "no_brain_found"
