"""Whether a tumour is left decides on the label, wherever the pieces come from."""

import numpy as np
import pytest

from training.augmentation.example import Example
from training.augmentation.patchwork import Patchwork, sewn
from training.dataset.slices import Examples

GLIOMA, MENINGIOMA, HEALTHY = 0, 1, 3
SIDE = 40


def head(grey: int, *, label: int = HEALTHY, tumour: tuple[slice, slice] | None = None) -> Example:
    outline = np.zeros((SIDE, SIDE), np.uint8)
    if tumour is not None:
        outline[tumour] = 255
    return Example(np.full((SIDE, SIDE), grey, np.uint8), outline, label)


TUMOUR = (slice(10, 20), slice(10, 20))
GLIOMA_HEAD, HEALTHY_HEAD = head(50, label=GLIOMA, tumour=TUMOUR), head(200)
OVER_IT, HALF_OVER_IT, BESIDE_IT = (
    (slice(5, 25), slice(5, 25)),
    (slice(5, 15), slice(5, 25)),
    (slice(25, 35), slice(5, 25)),
)


def test_a_tumour_that_is_covered_leaves_a_healthy_head() -> None:
    result = sewn(GLIOMA_HEAD, HEALTHY_HEAD, within=OVER_IT)
    assert result is not None
    assert result.label == HEALTHY
    assert not result.outline.any()
    assert (result.pixels[OVER_IT] == 200).all()
    assert (result.pixels[25:] == 50).all()


def test_a_healthy_patch_beside_the_tumour_changes_nothing_of_it() -> None:
    result = sewn(GLIOMA_HEAD, HEALTHY_HEAD, within=BESIDE_IT)
    assert result is not None
    assert result.label == GLIOMA
    assert (result.outline == GLIOMA_HEAD.outline).all()


def test_a_patch_brings_its_tumour_along() -> None:
    result = sewn(HEALTHY_HEAD, GLIOMA_HEAD, within=OVER_IT)
    assert result is not None
    assert result.label == GLIOMA
    assert (result.outline == GLIOMA_HEAD.outline).all()
    assert (result.pixels[TUMOUR] == 50).all()


def test_a_patch_without_its_tumour_is_healthy_tissue() -> None:
    result = sewn(HEALTHY_HEAD, GLIOMA_HEAD, within=BESIDE_IT)
    assert result is not None
    assert result.label == HEALTHY


@pytest.mark.parametrize(("one", "other"), [(GLIOMA_HEAD, HEALTHY_HEAD), (HEALTHY_HEAD, GLIOMA_HEAD)])
def test_half_a_tumour_is_nobodys_label(one: Example, other: Example) -> None:
    assert sewn(one, other, within=HALF_OVER_IT) is None


def test_a_soft_seam_hides_where_the_pieces_meet() -> None:
    hard, soft = (sewn(GLIOMA_HEAD, HEALTHY_HEAD, within=OVER_IT, softness=softness) for softness in (0.0, 3.0))
    assert hard is not None
    assert soft is not None
    steps = [np.abs(np.diff(one.pixels[15].astype(int))).max() for one in (hard, soft)]
    assert steps[0] == 150
    assert steps[1] < 30
    assert soft.label == hard.label


def test_two_kinds_of_tumour_have_no_one_label() -> None:
    other = head(90, label=MENINGIOMA, tumour=(slice(27, 33), slice(8, 20)))
    assert sewn(GLIOMA_HEAD, other, within=BESIDE_IT) is None
    covered = sewn(GLIOMA_HEAD, other, within=(slice(5, 40), slice(5, 25)))
    assert covered is not None
    assert covered.label == MENINGIOMA


def examples() -> Examples:
    heads = [GLIOMA_HEAD, HEALTHY_HEAD, head(255, label=MENINGIOMA)]  # the last one not outlined
    return Examples(
        pixels=np.stack([one.pixels for one in heads]),
        outlines=np.stack([one.outline for one in heads]),
        labels=np.array([one.label for one in heads]),
    )


def test_a_tumour_without_an_outline_is_neither_covered_nor_sewn_in() -> None:
    drawing = Patchwork(examples(), share=1.0)
    unknown = head(255, label=MENINGIOMA)
    rng = np.random.default_rng(0)
    assert all(drawing.sew(unknown, rng=rng) is unknown for _ in range(20))
    drawn = [drawing.sew(HEALTHY_HEAD, rng=rng) for _ in range(60)]
    assert max(one.pixels.max() for one in drawn) == 200


def test_both_kinds_of_head_come_to_both_labels() -> None:
    drawing = Patchwork(examples(), share=1.0)
    rng = np.random.default_rng(1)
    for host in (GLIOMA_HEAD, HEALTHY_HEAD):
        drawn = [drawing.sew(host, rng=rng) for _ in range(100)]
        assert {one.label for one in drawn} == {GLIOMA, HEALTHY}
        assert all(bool(one.outline.any()) == (one.label == GLIOMA) for one in drawn)


def test_without_a_share_nothing_is_drawn_at_all() -> None:
    rng = np.random.default_rng(0)
    assert Patchwork(examples(), share=0.0).sew(GLIOMA_HEAD, rng=rng) is GLIOMA_HEAD
    assert rng.random() == np.random.default_rng(0).random()
