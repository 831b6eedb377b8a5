from __future__ import annotations

import numpy as np
import pytest

from shared.settings import Settings
from worker.inference.model import Model, load_model
from worker.inference.precision import Precision, uses_bfloat16

SHIPPED = Settings().model_dir


@pytest.fixture(scope="module")
def batch(exact: Model) -> np.ndarray:
    return np.random.default_rng(0).random((5, exact.size_px, exact.size_px, 1), dtype=np.float32)


@pytest.fixture(scope="module")
def exact() -> Model:
    return load_model(SHIPPED)


def test_constant_weights_change_nothing(exact: Model, batch: np.ndarray) -> None:
    logits, maps = exact.network(batch, training=False)
    found = exact.infer(batch)
    assert found.logits == pytest.approx(np.asarray(logits), abs=1e-3)
    assert found.class_maps == pytest.approx(np.asarray(maps), abs=1e-2)


def test_bfloat16_is_near_and_leaves_other_networks_alone(exact: Model, batch: np.ndarray) -> None:
    before = exact.infer(batch)
    near = load_model(SHIPPED, precision=Precision.BFLOAT16).infer(batch)
    assert near.logits == pytest.approx(before.logits, abs=0.5)
    if uses_bfloat16(Precision.AUTO):  # other processors may be given float32 by TensorFlow
        assert not np.array_equal(near.logits, before.logits), "it was computed in float32"
    assert np.array_equal(exact.infer(batch).logits, before.logits)


def test_a_batch_may_be_of_any_size(exact: Model, batch: np.ndarray) -> None:
    alone = [exact.infer(batch[at : at + 1]).logits[0] for at in range(len(batch))]
    assert exact.infer(batch).logits == pytest.approx(np.array(alone), abs=1e-3)
