from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.heatmaps import Frame, lay_out, lay_out_in_strips

sizes = st.integers(1, 90)


@given(
    st.integers(1, 24),
    sizes,
    sizes,
    st.floats(-50, 50),
    st.floats(-50, 50),
    st.floats(1, 200),
    st.integers(0, 2**32 - 1),
)
def test_a_map_is_finite_in_range_and_of_the_images_size(
    cells: int, width: int, height: int, x: float, y: float, side: float, seed: int
) -> None:
    grid = np.random.default_rng(seed).random((cells, cells), np.float32)
    full = lay_out(grid, frame=Frame(x, y, side), width=width, height=height)
    assert full.shape == (height, width)
    assert full.dtype == np.float32
    assert np.isfinite(full).all()
    assert full.min() >= 0
    assert full.max() <= 1


@given(sizes, sizes, st.integers(1, 100))
def test_strips_make_up_the_map(width: int, height: int, strip_px: int) -> None:
    grid, frame = np.random.default_rng(width).random((9, 9), np.float32), Frame(-3, 5, 70)
    strips = list(lay_out_in_strips(grid, frame=frame, width=width, height=height, strip_px=strip_px))
    assert {strip.dtype for strip in strips} == {np.dtype(np.float32)}
    assert max(map(len, strips)) <= strip_px
    full = lay_out(grid, frame=frame, width=width, height=height)
    assert np.concatenate(strips) == pytest.approx(full, abs=1e-6)


def test_the_peak_stays_where_the_cell_is() -> None:
    grid = np.zeros((10, 10), np.float32)
    grid[7, 2] = 1
    full = lay_out(grid, frame=Frame(x=-10, y=20, side=100), width=120, height=130)
    row, column = np.unravel_index(full.argmax(), full.shape)
    assert (column, row) == pytest.approx((-10 + 25, 20 + 75), abs=1)


def test_nothing_lies_outside_the_frame() -> None:
    full = lay_out(np.ones((4, 4), np.float32), frame=Frame(x=10, y=10, side=20), width=40, height=40)
    assert full[10:30, 10:30].min() == 1
    assert full.sum() == pytest.approx(400)


def test_the_peak_lies_towards_the_stronger_neighbour() -> None:
    grid = np.zeros((10, 10), np.float32)
    grid[5, 4:7] = (0.2, 1, 0.8)
    full = lay_out(grid, frame=Frame(x=0, y=0, side=200), width=200, height=200)
    row, column = np.unravel_index(full.argmax(), full.shape)
    assert 110 < column < 120, "between the middle of its cell and the border of the next"
    assert row == pytest.approx(110, abs=1)


def test_cells_are_weighed_as_mitchell_and_netravali_say() -> None:
    cell = np.zeros((1, 9), np.float32)
    cell[0, 4] = 1
    grid = np.repeat(cell, 9, axis=0)
    full = lay_out(grid, frame=Frame(0, 0, 18), width=18, height=18)
    at_a_quarter, at_three_quarters, beyond = 0.7821, 0.2561, 0.0  # by hand; the lobe beyond is negative: nothing
    assert full[0, 6:12].tolist() == pytest.approx(
        [beyond, at_three_quarters, at_a_quarter, at_a_quarter, at_three_quarters, beyond], abs=1e-4
    )
