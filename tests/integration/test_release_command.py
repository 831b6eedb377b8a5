"""A released bundle serves with the calibration of the cross-validation, and says what it was trained on."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from neurobatch.cli import cli
from tests.unit.training.synthetic import honest_scores
from training.evaluation.calibrate import fit_calibration
from training.evaluation.scores import read_scores, write_scores
from training.export import export_untrained
from worker.inference.model import load_model


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    folder = tmp_path / "run" / "bundle"
    export_untrained(folder, size_px=64, width=6)
    return folder


def test_the_released_bundle_is_the_trained_one_calibrated(trained: Path, tmp_path: Path) -> None:
    scores, released = tmp_path / "out-of-fold.csv", tmp_path / "cnn-9"
    write_scores(scores, honest_scores(sharpened=2.0))
    caveats = ["It was trained in a hurry.", "It knows one hospital."]
    told = [word for caveat in caveats for word in ("--caveat", caveat)]
    result = CliRunner().invoke(cli, ["release", str(trained), str(released), "--scores", str(scores), *told])
    assert result.exit_code == 0, result.output
    before, after = load_model(trained), load_model(released)
    expected = fit_calibration(read_scores(scores))
    assert after.name == "cnn-9"
    assert (after.temperature, after.review_below) == (expected.temperature, expected.review_below)
    assert after.review_beyond == expected.review_beyond
    assert "folds 0, 1, 2, 3, 4" in after.description["trained_on"]
    assert after.description["caveats"] == caveats
    assert "caveats" not in before.description
    assert after.description["training_data"] == before.description["training_data"]
    batch = np.random.default_rng(0).random((2, 64, 64, 1), np.float32)
    for one, other in zip(before.infer(batch), after.infer(batch), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_scores_of_one_fold_are_not_enough(trained: Path, tmp_path: Path) -> None:
    scores = tmp_path / "fold.csv"
    write_scores(scores, [score for score in honest_scores() if score.fold == 3])
    result = CliRunner().invoke(cli, ["release", str(trained), str(tmp_path / "new"), "--scores", str(scores)])
    assert result.exit_code == 1
    assert "fold [3] alone" in result.output
    assert not (tmp_path / "new").exists()


def test_a_bundle_of_a_cross_validation_is_not_calibrated_by_the_fold_that_it_is_asked_about(
    trained: Path, tmp_path: Path
) -> None:
    scores, released = tmp_path / "out-of-fold.csv", tmp_path / "fold-2"
    write_scores(scores, honest_scores(sharpened=2.0))
    result = CliRunner().invoke(
        cli, ["release", str(trained), str(released), "--scores", str(scores), "--left-out", "2"]
    )
    assert result.exit_code == 0, result.output
    after = load_model(released)
    expected = fit_calibration([score for score in read_scores(scores) if score.fold != 2])
    assert (after.temperature, after.review_below) == (expected.temperature, expected.review_below)
    assert "folds 0, 1, 3, 4" in after.description["trained_on"]
