from pathlib import Path

import numpy as np
import pytest

from worker.inference.distance import fit_training_features, load_training_features, save_training_features

CENTRES = np.array([[0, 0, 0], [10, 0, 0]], np.float32)


def drawn(seed: int, *, spread: tuple[float, float, float] = (1, 1, 0.3)) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(4000) % 2
    return (CENTRES[labels] + rng.standard_normal((4000, 3)) * spread).astype(np.float32), labels


def test_scans_like_the_training_data_are_about_one_away() -> None:
    fitted = fit_training_features(*drawn(0))
    assert np.sqrt((fitted.distances(drawn(1)[0]) ** 2).mean()) == pytest.approx(1, abs=0.1)


def test_the_nearest_class_counts() -> None:
    fitted = fit_training_features(*drawn(0))
    at_centres, between = fitted.distances(CENTRES), fitted.distances(CENTRES.mean(axis=0, keepdims=True))
    assert at_centres.max() < 0.2
    assert between[0] == pytest.approx(5 / np.sqrt(3), rel=0.1)


def test_a_label_that_no_scan_has_changes_nothing() -> None:
    features, labels = np.random.default_rng(1).random((40, 6), np.float32), np.arange(40) % 2
    there = fit_training_features(features, labels).distances(features)
    missing_one_between = fit_training_features(features, labels * 3).distances(features)
    assert np.array_equal(there, missing_one_between)


def test_a_step_where_the_data_hardly_varies_is_a_long_way() -> None:
    fitted = fit_training_features(*drawn(0))
    along, across = fitted.distances(np.array([[0, 1, 0], [0, 0, 1]], np.float32))
    assert across > 2 * along


def test_what_was_saved_is_read_again(tmp_path: Path) -> None:
    fitted = fit_training_features(*drawn(0))
    save_training_features(tmp_path / "features.npz", fitted)
    read = load_training_features(tmp_path / "features.npz")
    features = drawn(1)[0]
    assert np.array_equal(read.distances(features), fitted.distances(features))
