import numpy as np

from training.evaluation.pointing import points_at
from worker.inference.types import Point

TRIANGLE = np.array([[10, 10], [30, 10], [10, 30]], np.float32)


def test_pointing_tells_the_box_from_the_outline() -> None:
    assert points_at(Point(12, 12), TRIANGLE) == (True, True)
    assert points_at(Point(29, 29), TRIANGLE) == (True, False)
    assert points_at(Point(40, 12), TRIANGLE) == (False, False)
