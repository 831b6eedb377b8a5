import cv2
import numpy as np
import pytest

from training.augmentation.augment import augment


def marked() -> np.ndarray:
    mask = np.zeros((200, 200), np.uint8)
    cv2.circle(mask, (120, 90), 14, 255, -1)
    return mask


@pytest.mark.parametrize("seed", range(20))
def test_the_outline_moves_with_the_picture(seed: int) -> None:
    mask = marked()
    pixels = np.asarray(cv2.GaussianBlur(mask, (0, 0), 1), np.uint8)
    picture, moved = augment(pixels, mask, size_px=160, rng=np.random.default_rng(seed))
    assert picture.shape == moved.shape == (160, 160)
    bright = cv2.GaussianBlur(picture, (0, 0), 4)
    # Of what stays bright, most lies where the mask went; an erased rectangle may be bright as well.
    y, x = np.unravel_index(int((bright * (moved > 127)).argmax()), bright.shape)
    assert bright[y, x] > 0.35
    assert np.count_nonzero(moved > 127) == pytest.approx(np.pi * 14**2 * 0.64, rel=0.45)


@pytest.mark.parametrize("seed", range(20))
def test_pixels_stay_between_zero_and_one(seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (200, 200)).astype(np.uint8)
    picture, mask = augment(pixels, np.zeros_like(pixels), size_px=160, rng=np.random.default_rng(seed))
    assert picture.dtype == np.float32
    assert np.isfinite(picture).all()
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert not mask.any()


def test_the_same_draw_gives_the_same_picture() -> None:
    first, _ = augment(marked(), marked(), size_px=160, rng=np.random.default_rng(3))
    second, _ = augment(marked(), marked(), size_px=160, rng=np.random.default_rng(3))
    assert np.array_equal(first, second)
