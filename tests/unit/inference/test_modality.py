"""Heads as CT and as MRI show them: what is bright, and whether a dark skull lies between it and the brain."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from worker.inference.modality import bone_around_brain, looks_like_ct
from worker.inference.preprocess import prepare

Pixels = npt.NDArray[np.uint8]
Layers = list[tuple[float, int]]  # from the outside in: the half axis of an ellipse in shares of the head's, its grey

CT: Layers = [(1, 255), (0.86, 90)]
CT_WITH_SCALP: Layers = [(1, 70), (0.92, 255), (0.82, 90)]
T1: Layers = [(1, 230), (0.92, 15), (0.86, 110)]  # fat, skull, brain
T2: Layers = [(1, 180), (0.94, 15), (0.88, 255), (0.8, 100)]  # scalp, skull, fluid, brain
STRIPPED: Layers = [(1, 120)]
STRIPPED_WITH_FLUID: Layers = [(1, 250), (0.95, 230)]


def _head(layers: Layers, *, bone_from: int = 0, side: int = 300) -> Pixels:
    image = np.zeros((side, side), np.uint8)
    for share, grey in layers:
        axes = (int(0.36 * side * share), int(0.44 * side * share))
        cv2.ellipse(image, (side // 2, side // 2), axes, 0, bone_from if grey == 255 else 0, 360, grey, -1)
    return np.asarray(np.minimum(image + np.random.default_rng(0).integers(0, 6, image.shape), 255), np.uint8)


def _bone(image: Pixels, *, size_px: int = 144) -> float:
    return bone_around_brain(prepare(image, size_px=size_px).pixels)


@pytest.mark.parametrize("size_px", [96, 144, 160, 224])
@pytest.mark.parametrize("layers", [CT, CT_WITH_SCALP])
def test_a_white_ring_around_a_grey_brain_is_bone(layers: Layers, size_px: int) -> None:
    assert _bone(_head(layers), size_px=size_px) > 0.9


@pytest.mark.parametrize("size_px", [96, 144, 160, 224])
@pytest.mark.parametrize("layers", [T1, T2, STRIPPED, STRIPPED_WITH_FLUID])
def test_a_bright_ring_of_mri_is_none(layers: Layers, size_px: int) -> None:
    assert _bone(_head(layers), size_px=size_px) < 0.1


def test_part_of_a_skull_counts_as_a_part() -> None:
    half = _bone(_head([(1, 90), (0.999, 255), (0.86, 90)], bone_from=180))
    assert 0.3 < half < 0.6


@pytest.mark.parametrize("turned", range(4))
def test_it_does_not_matter_how_the_head_lies(turned: int) -> None:
    assert looks_like_ct(prepare(np.ascontiguousarray(np.rot90(_head(CT), turned)), size_px=144).pixels)
    assert not looks_like_ct(prepare(np.ascontiguousarray(np.rot90(_head(T1), turned)), size_px=144).pixels)


@pytest.mark.parametrize("grey", [0.0, 0.5, 1.0])
def test_a_picture_of_one_grey_has_no_bone(grey: float) -> None:
    assert bone_around_brain(np.full((144, 144), grey, np.float32)) == 0


def test_specks_are_no_head() -> None:
    pixels = np.zeros((144, 144), np.float32)
    pixels[::12, ::12] = 1
    assert bone_around_brain(pixels) == 0
