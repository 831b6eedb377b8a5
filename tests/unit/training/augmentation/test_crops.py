"""A close-up is of what is left in sight, and only where the outlines tell that."""

from dataclasses import replace

import numpy as np
import pytest

from training.augmentation.crops import Crops, cropped
from training.augmentation.example import Example

GLIOMA, MENINGIOMA, HEALTHY = 0, 1, 3
SIDE = 40
TUMOUR = (slice(8, 12), slice(8, 12))
ON_IT, HALF_ON_IT, BESIDE_IT = (
    (slice(4, 20), slice(4, 20)),
    (slice(10, 26), slice(4, 20)),
    (slice(20, 36), slice(20, 36)),
)


def glioma_head() -> Example:
    outline = np.zeros((SIDE, SIDE), np.uint8)
    outline[TUMOUR] = 255
    pixels = np.full((SIDE, SIDE), 60, np.uint8)
    pixels[TUMOUR] = 200
    return Example(pixels, outline, GLIOMA)


def healthy_head() -> Example:
    return Example(np.full((SIDE, SIDE), 90, np.uint8), np.zeros((SIDE, SIDE), np.uint8), HEALTHY)


def test_a_close_up_of_the_tumour_keeps_its_label_and_enlarges_its_outline() -> None:
    result = cropped(glioma_head(), within=ON_IT)
    assert result is not None
    assert (result.label, result.changed) == (GLIOMA, True)
    assert result.pixels.shape == result.outline.shape == (SIDE, SIDE)
    assert np.count_nonzero(result.outline > 127) == pytest.approx(16 * (SIDE / 16) ** 2, rel=0.2)
    assert (result.pixels[result.outline > 250] > 150).all()


def test_beside_the_tumour_the_head_is_healthy() -> None:
    result = cropped(glioma_head(), within=BESIDE_IT)
    assert result is not None
    assert result.label == HEALTHY
    assert not result.outline.any()
    assert (result.pixels == 60).all()


def test_half_a_tumour_and_mere_air_make_no_close_up() -> None:
    assert cropped(glioma_head(), within=HALF_ON_IT) is None
    air = replace(healthy_head(), pixels=np.zeros((SIDE, SIDE), np.uint8))
    assert cropped(air, within=BESIDE_IT) is None


def test_close_ups_of_one_head_come_to_both_labels() -> None:
    rng = np.random.default_rng(0)
    drawn = [Crops(share=1.0).cut(glioma_head(), rng=rng) for _ in range(60)]
    assert {one.label for one in drawn} == {GLIOMA, HEALTHY}
    assert all(one.changed for one in drawn)
    assert all(bool(one.outline.any()) == (one.label == GLIOMA) for one in drawn)


def test_a_tumour_without_an_outline_stays_whole() -> None:
    unknown = replace(healthy_head(), label=MENINGIOMA)
    rng = np.random.default_rng(0)
    assert all(Crops(share=1.0).cut(unknown, rng=rng) is unknown for _ in range(20))


def test_without_a_share_nothing_is_drawn_at_all() -> None:
    rng = np.random.default_rng(0)
    head = glioma_head()
    assert Crops(share=0.0).cut(head, rng=rng) is head
    assert rng.random() == np.random.default_rng(0).random()
