"""What the class maps are punished for: looking away from the tumour, and cells that say what does not lie there."""

import keras
import numpy as np
import numpy.typing as npt
import pytest

from training.losses import ClassMapLoss, outside_outline, wrong_cells

GLIOMA, PITUITARY, HEALTHY = 0, 2, 3


def targets(scans: int) -> npt.NDArray[np.float32]:
    """A pituitary tumour in cell (1, 1) of each scan, healthy tissue beyond its neighbours."""
    labels = np.zeros((scans, 4, 4, 4), np.float32)
    labels[:, 1, 1, PITUITARY] = 1
    labels[:, 3, :, HEALTHY] = labels[:, :, 3, HEALTHY] = 1
    return labels


def test_looking_at_the_outline_costs_nothing_and_looking_away_much() -> None:
    labels = targets(3)
    labels[2] = 0
    maps = np.zeros((3, 4, 4, 4), np.float32)
    maps[0, 1, 1, PITUITARY] = maps[1, 3, 3, PITUITARY] = 20
    looking, away, unknown = np.asarray(outside_outline(labels, maps))
    assert looking == pytest.approx(0, abs=1e-4)
    assert away > 5
    assert unknown == 0


def test_cells_that_say_what_lies_there_cost_nothing() -> None:
    right = np.asarray(wrong_cells(targets(1), 20 * targets(1)))
    assert right == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(("cells", "says"), [((1, 1), GLIOMA), ((1, 1), HEALTHY), ((3, 3), PITUITARY)])
def test_a_cell_that_says_something_else_costs(cells: tuple[int, int], says: int) -> None:
    maps = 20 * targets(1)
    maps[0, *cells] = 0
    maps[0, *cells, says] = 20
    assert np.asarray(wrong_cells(targets(1), maps)) > 1


def test_one_cell_of_tumour_counts_as_much_as_all_healthy_ones() -> None:
    all_healthy, all_tumour = (np.zeros((1, 4, 4, 4), np.float32) for _ in range(2))
    all_healthy[..., HEALTHY] = all_tumour[..., PITUITARY] = 5
    one, other = (float(np.asarray(wrong_cells(targets(1), maps))[0]) for maps in (all_healthy, all_tumour))
    assert one == pytest.approx(other)


def test_cells_of_which_nothing_is_known_say_what_they_like() -> None:
    maps = 20 * targets(1)
    maps[0, 0, 0, GLIOMA] = 50
    assert np.asarray(wrong_cells(targets(1), maps)) == pytest.approx(0, abs=1e-4)
    assert np.asarray(wrong_cells(np.zeros_like(maps), maps)) == 0


def test_both_terms_are_weighed() -> None:
    labels, maps = targets(2), np.random.default_rng(0).normal(size=(2, 4, 4, 4)).astype(np.float32)
    whole = ClassMapLoss(outline_weight=0.4, cell_weight=0.5, reduction=None)(labels, maps)
    parts = 0.4 * outside_outline(labels, maps) + 0.5 * wrong_cells(labels, maps)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(whole), keras.ops.convert_to_numpy(parts), rtol=1e-5)
