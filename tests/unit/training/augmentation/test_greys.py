import numpy as np
import pytest

from training.augmentation.greys import OtherGreys, in_greys_of

DARK = np.clip(np.random.default_rng(0).normal(60, 10, (64, 64)), 25, 255).astype(np.uint8)
BRIGHT = np.clip(np.random.default_rng(1).normal(180, 20, (64, 64)), 25, 255).astype(np.uint8)
DARK[:10] = BRIGHT[:10] = 3  # air


def test_a_picture_takes_on_the_greys_of_another_and_keeps_their_order() -> None:
    drawing = OtherGreys(BRIGHT[None], share=1.0)
    rng = np.random.default_rng(2)
    drawn = [drawing.exchange(DARK, rng=rng) for _ in range(60)]
    means = [picture[10:].mean() for picture in drawn]
    assert max(means) == pytest.approx(BRIGHT[10:].mean(), abs=8)
    assert min(means) == pytest.approx(60 + 0.3 * 120, abs=15)
    order = np.argsort(DARK[10:].ravel(), kind="stable")
    for picture in drawn:
        assert (np.diff(picture[10:].ravel()[order].astype(int)) >= 0).all()
        assert (picture[:10] == 3).all()


def test_a_picture_in_the_greys_of_another_has_its_brightness() -> None:
    assert in_greys_of(DARK, BRIGHT)[10:].mean() == pytest.approx(BRIGHT[10:].mean(), abs=2)


def test_as_many_as_asked_are_changed() -> None:
    drawing = OtherGreys(np.stack([BRIGHT]), share=0.25)
    rng = np.random.default_rng(0)
    changed = [(drawing.exchange(DARK, rng=rng) != DARK).any() for _ in range(400)]
    assert np.mean(changed) == pytest.approx(0.25, abs=0.07)


def test_what_is_all_air_is_left_alone() -> None:
    air = np.zeros((64, 64), np.uint8)
    rng = np.random.default_rng(0)
    assert (OtherGreys(BRIGHT[None], share=1.0).exchange(air, rng=rng) == air).all()
    assert OtherGreys(air[None], share=1.0).exchange(DARK, rng=rng).shape == DARK.shape


def test_without_a_share_nothing_is_drawn_at_all() -> None:
    rng = np.random.default_rng(0)
    assert OtherGreys(BRIGHT[None], share=0.0).exchange(DARK, rng=rng) is DARK
    assert rng.random() == np.random.default_rng(0).random()
