import cv2
import numpy as np
import numpy.typing as npt
import pytest

from shared.domain import CLASSES, HEALTHY, TumorClass
from training.augmentation.counterfactuals import Counterfactuals, healed, planted
from training.augmentation.example import Example
from training.augmentation.likeness import mirrored
from training.dataset.slices import Examples

Pixels = npt.NDArray[np.uint8]
GLIOMA, PITUITARY = CLASSES.index(TumorClass.GLIOMA), CLASSES.index(TumorClass.PITUITARY)
SIDE = 160
TISSUE, TUMOUR = 100, 220
CENTRE = 84  # of the head: off the middle of the picture
LEFT = (CENTRE - 30, 70)


def head(*, tissue: int = TISSUE) -> Pixels:
    """An ellipse with a brighter skull and a pair of dark ventricles, alike on both sides of its centre."""
    picture = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(picture, (CENTRE, 80), (54, 70), 0, 0, 360, min(255, tissue + 80), -1)
    cv2.ellipse(picture, (CENTRE, 80), (48, 64), 0, 0, 360, tissue, -1)
    for off in (-12, 12):
        cv2.ellipse(picture, (CENTRE + off, 76), (5, 16), 0, 0, 360, tissue // 3, -1)
    return picture


def with_tumour(at: tuple[int, int] = LEFT, *, label: int = GLIOMA) -> Example:
    pixels, outline = head(), np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(pixels, at, 9, TUMOUR, -1)
    cv2.circle(outline, at, 10, 255, -1)
    return Example(pixels, outline, label)


def examples_of(*items: Example) -> Examples:
    return Examples(
        pixels=np.stack([item.pixels for item in items]),
        outlines=np.stack([item.outline for item in items]),
        labels=np.array([item.label for item in items]),
    )


def other_side(example: Example) -> Example:
    pixels, outline = (mirrored(picture, axis=float(CENTRE)) for picture in (example.pixels, example.outline))
    return Example(pixels, outline, example.label)


def healthy(*, tissue: int = TISSUE) -> Example:
    return Example(head(tissue=tissue), np.zeros((SIDE, SIDE), np.uint8), HEALTHY)


def test_a_healed_head_is_the_healthy_one() -> None:
    example = with_tumour()
    result = healed(example, donor=other_side(example))
    assert result is not None
    assert result.label == HEALTHY
    assert not result.outline.any()
    differs = np.abs(result.pixels.astype(int) - head().astype(int))
    assert differs.max() < 25
    assert np.abs(example.pixels.astype(int) - head().astype(int)).max() > 100
    # Away from the tumour nothing was touched.
    assert (result.pixels[:, CENTRE:] == example.pixels[:, CENTRE:]).all()


def test_a_tumour_of_the_midline_is_not_healed() -> None:
    example = with_tumour((CENTRE, 110))
    assert healed(example, donor=other_side(example)) is None


def test_a_tumour_is_not_replaced_by_air() -> None:
    empty = Example(np.zeros((SIDE, SIDE), np.uint8), np.zeros((SIDE, SIDE), np.uint8), GLIOMA)
    assert healed(with_tumour(), donor=empty) is None


def test_a_planted_tumour_brings_its_outline_and_its_label() -> None:
    darker = healthy(tissue=60)
    result = planted(with_tumour(), into=darker, rng=np.random.default_rng(1))
    assert result is not None
    assert result.label == GLIOMA
    inside = cv2.erode(result.outline, np.ones((7, 7), np.uint8)) > 127
    # As much brighter than its surroundings as it was at home.
    assert result.pixels[inside].mean() == pytest.approx(60 * TUMOUR / TISSUE, rel=0.15)
    far = cv2.dilate(result.outline, np.ones((31, 31), np.uint8)) == 0
    assert (result.pixels[far] == darker.pixels[far]).all()


def test_no_tumour_is_planted_into_air() -> None:
    empty = Example(np.zeros((SIDE, SIDE), np.uint8), np.zeros((SIDE, SIDE), np.uint8), HEALTHY)
    assert planted(with_tumour(), into=empty, rng=np.random.default_rng(1)) is None


def test_examples_are_drawn_as_their_counterfactuals_as_often_as_asked() -> None:
    drawing = Counterfactuals(examples_of(with_tumour(), healthy()), share=0.3)
    rng = np.random.default_rng(0)
    assert np.mean([drawing.draw(0, rng=rng).label == HEALTHY for _ in range(400)]) == pytest.approx(0.3, abs=0.07)
    assert np.mean([drawing.draw(1, rng=rng).label == GLIOMA for _ in range(400)]) == pytest.approx(0.3, abs=0.07)


def test_a_tumour_of_the_midline_is_replaced_by_a_like_head_without_tumour_there() -> None:
    midline, lateral = with_tumour((CENTRE, 120), label=PITUITARY), with_tumour()
    drawing = Counterfactuals(examples_of(midline, lateral), share=1.0)
    rng = np.random.default_rng(0)
    results = [drawing.draw(0, rng=rng) for _ in range(10)]
    assert HEALTHY in {result.label for result in results}
    for result in results:
        if result.label == HEALTHY:
            assert np.abs(result.pixels.astype(int) - head().astype(int)).max() < 40


def test_what_is_like_no_other_stays_as_it_is() -> None:
    """Another plane: nothing of such a head fits into it, nor it into such a head."""
    side_view = healthy()
    side_view.pixels[:, :CENTRE] = 0
    drawing = Counterfactuals(examples_of(with_tumour(), side_view), share=1.0)
    assert drawing.draw(1, rng=np.random.default_rng(0)).label == HEALTHY


def test_without_a_share_nothing_is_drawn_at_all() -> None:
    """So that runs of recipes without counterfactuals draw the numbers that they always drew."""
    examples = examples_of(with_tumour(), healthy())
    rng = np.random.default_rng(0)
    example = Counterfactuals(examples, share=0.0).draw(0, rng=rng)
    assert (example.pixels == examples.pixels[0]).all()
    assert rng.random() == np.random.default_rng(0).random()
