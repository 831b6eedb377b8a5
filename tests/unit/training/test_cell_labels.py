"""What the outline says of each cell."""

import numpy as np
import pytest

from training.cell_labels import cell_cover, cell_labels

MENINGIOMA, HEALTHY = 1, 3


def test_half_a_cell_under_the_outline_counts_as_covered() -> None:
    mask = np.zeros((32, 32), np.uint8)
    mask[8:16, 8:12] = 255
    cover = cell_cover(mask, grid=4)
    assert cover[1, 1] == pytest.approx(1)
    assert cover.sum() == pytest.approx(1)


def test_cells_beside_the_tumour_are_left_open_and_those_beyond_are_healthy() -> None:
    mask = np.zeros((48, 48), np.uint8)
    mask[8:16, 8:16] = 255
    labels = cell_labels(mask, label=MENINGIOMA, outlined=True, grid=6)
    assert labels[1, 1].tolist() == [0, 1, 0, 0]
    assert labels[:3, :3].sum() == 1
    assert (labels[3:, :, HEALTHY] == 1).all()
    assert labels.sum() == 1 + 36 - 9


def test_every_cell_of_a_healthy_picture_is_healthy() -> None:
    labels = cell_labels(np.zeros((32, 32), np.uint8), label=HEALTHY, outlined=False, grid=4)
    assert (labels == [0, 0, 0, 1]).all()


def test_a_tumour_without_an_outline_says_nothing_of_its_cells() -> None:
    assert not cell_labels(np.zeros((32, 32), np.uint8), label=MENINGIOMA, outlined=False, grid=4).any()


def test_a_tumour_that_was_moved_out_of_the_picture_leaves_healthy_tissue() -> None:
    labels = cell_labels(np.zeros((32, 32), np.uint8), label=MENINGIOMA, outlined=True, grid=4)
    assert (labels == [0, 0, 0, 1]).all()
