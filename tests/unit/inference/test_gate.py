"""Mosaics: one frame, several slices. What looks like a brain is fitted, see tests/unit/training/test_gate.py."""

import cv2
import numpy as np
import pytest

from shared.errors import InvalidScan
from tests.unit.inference.phantoms import draw_head
from worker.inference.gate import check_single, shrink


@pytest.mark.parametrize("across", [2, 3, 6])
def test_slices_side_by_side_are_a_mosaic(across: int) -> None:
    head = cv2.resize(draw_head(), (480 // across, 480 // across), interpolation=cv2.INTER_AREA)
    with pytest.raises(InvalidScan, match="side by side") as caught:
        check_single(shrink(np.tile(head, (across, across))))
    assert caught.value.code == "mosaic"


@pytest.mark.parametrize("turned", range(4))
def test_one_head_is_none(turned: int) -> None:
    check_single(shrink(np.ascontiguousarray(np.rot90(draw_head(tumour=(150, 120)), turned))))


def test_a_picture_of_one_grey_is_none() -> None:
    check_single(shrink(np.full((64, 64), 90, np.uint8)))
