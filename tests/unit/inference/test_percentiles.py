from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from worker.inference.percentiles import percentiles

SHARES = (0.0, 1.0, 2.0, 33.3, 50.0, 99.0, 99.5, 100.0)


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=20)))
def test_they_are_numpys(picture: np.ndarray) -> None:
    assert percentiles(picture, SHARES) == pytest.approx(list(np.percentile(picture, SHARES)))


@given(st.integers(0, 2**32 - 1))
def test_a_part_of_a_picture_needs_no_copy(seed: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (40, 50), np.uint8)[3:31, 7:40]
    assert percentiles(picture, SHARES) == pytest.approx(list(np.percentile(picture, SHARES)))
