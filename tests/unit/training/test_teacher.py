from pathlib import Path

import numpy as np
import pytest

from training.export import export_untrained
from training.teacher import Teacher
from worker.inference.model import load_model
from worker.inference.predict import softmax


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher") / "bundle"
    export_untrained(folder, size_px=64, width=6)
    return folder


TRUTH = np.eye(4, dtype=np.float32)[[0, 3]]


def pictures(size_px: int) -> np.ndarray:
    return np.random.default_rng(0).random((2, size_px, size_px, 1), np.float32)


def test_the_target_lies_between_truth_and_teacher(bundle: Path) -> None:
    said = softmax(load_model(bundle).infer(pictures(64)).logits.astype(np.float64))
    target = Teacher(bundle, share=0.25).teach(pictures(64), TRUTH)
    np.testing.assert_allclose(target, 0.75 * TRUTH + 0.25 * said, atol=1e-5)
    assert target.dtype == np.float32


def test_pictures_of_another_size_are_taken_too(bundle: Path) -> None:
    target = Teacher(bundle, share=1.0).teach(pictures(48), TRUTH)
    assert target.shape == (2, 4)
    np.testing.assert_allclose(target.sum(axis=1), 1, atol=1e-5)
