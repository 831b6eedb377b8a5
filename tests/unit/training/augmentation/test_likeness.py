import numpy as np
import pytest

from tests.unit.training.augmentation.test_counterfactuals import CENTRE, head, with_tumour
from training.augmentation.likeness import mirror_axis, mirrored, most_alike, shapes_of


def test_the_axis_is_the_heads_and_not_the_pictures() -> None:
    assert mirror_axis(head()) == pytest.approx(CENTRE, abs=1.5)
    assert mirror_axis(with_tumour().pixels) == pytest.approx(CENTRE, abs=1.5)


def test_what_has_no_other_side_has_no_axis() -> None:
    profile = head()
    profile[:, CENTRE:] //= 4  # a face on one side
    assert mirror_axis(profile) is None


def test_mirrored_twice_is_the_same() -> None:
    pixels = with_tumour().pixels
    assert (mirrored(mirrored(pixels, axis=80.0), axis=80.0)[:, 5:] == pixels[:, 5:]).all()


def test_the_most_alike_are_those_of_the_same_cut() -> None:
    """Whatever their greys are; and none is alike itself."""
    dark, turned = head(tissue=50), np.ascontiguousarray(head().T)
    shapes = shapes_of(np.stack([head(), dark, turned]))
    assert np.linalg.norm(shapes, axis=1) == pytest.approx(1, abs=1e-5)
    first, second, third = most_alike(shapes, shapes, most=1, least=0.9)
    assert (first.tolist(), second.tolist(), third.tolist()) == ([1], [0], [])
