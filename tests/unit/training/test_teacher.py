import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.errors import InvalidBundle
from tests.unit.training.slices import drawn_slice
from tests.unit.training.synthetic import honest_scores
from training.config import load_config
from training.evaluation.scores import write_scores
from training.export import TRAINING_DATA, export_untrained
from training.teacher import Teacher, find_teacher
from worker.inference.model import load_model
from worker.inference.predict import softmax


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher") / "bundle"
    export_untrained(folder, size_px=64, width=6)
    return folder


CELLS = Path(__file__).resolve().parents[3] / "training" / "configs" / "cnn-cells.toml"
TRUTH = np.eye(4, dtype=np.float32)[[0, 3]]


def pictures(size_px: int) -> np.ndarray:
    return np.random.default_rng(0).random((2, size_px, size_px, 1), np.float32)


def test_the_target_lies_between_truth_and_teacher(bundle: Path) -> None:
    said = softmax(load_model(bundle).infer(pictures(64)).logits.astype(np.float64))
    target = Teacher(bundle, share=0.25).teach(pictures(64), TRUTH)
    np.testing.assert_allclose(target, 0.75 * TRUTH + 0.25 * said, atol=1e-5)
    assert target.dtype == np.float32


def test_several_teachers_are_heard_alike(bundle: Path, tmp_path: Path) -> None:
    export_untrained(tmp_path / "other", size_px=32, width=6, seed=3)
    alone = [Teacher(folder, share=1.0).teach(pictures(64), TRUTH) for folder in (bundle, tmp_path / "other")]
    together = Teacher(bundle, tmp_path / "other", share=1.0).teach(pictures(64), TRUTH)
    np.testing.assert_allclose(together, np.mean(alone, axis=0), atol=1e-5)


def test_pictures_of_another_size_are_taken_too(bundle: Path) -> None:
    target = Teacher(bundle, share=1.0).teach(pictures(48), TRUTH)
    assert target.shape == (2, 4)
    np.testing.assert_allclose(target.sum(axis=1), 1, atol=1e-5)


def test_a_teacher_must_have_been_kept_from_what_its_pupil_is_kept_from(bundle: Path, tmp_path: Path) -> None:
    taught = replace(load_config(CELLS), teacher="teacher")
    folder = tmp_path / "teacher" / "fold-0"
    shutil.copytree(bundle, folder / "bundle")
    left_out = [drawn_slice(tmp_path, name) for name in ("a", "b")]
    scores = [replace(score, file=item.file) for score, item in zip(honest_scores(2), left_out, strict=True)]
    of_pupil: dict[str, Any] = {
        "run_dir": tmp_path / "pupil" / "fold-0",
        "left_out": left_out,
        "training_data": TRAINING_DATA,
    }
    for kept_from in ([], scores[:1]):
        write_scores(folder / "scores.csv", kept_from)
        with pytest.raises(ValueError, match="was not kept from all that is left out"):
            find_teacher(taught, **of_pupil)
    write_scores(folder / "scores.csv", scores)
    assert find_teacher(taught, **of_pupil) is not None
    with pytest.raises(ValueError, match="untrained"):
        find_teacher(replace(taught, teacher="teacher+untrained"), **of_pupil)


def test_on_data_of_ones_own_the_teacher_is_that_of_the_same_data(bundle: Path, tmp_path: Path) -> None:
    taught = replace(load_config(CELLS), name="pupil", teacher="teacher")
    shutil.copytree(bundle, tmp_path / "teacher" / "all" / "bundle")
    with pytest.raises(InvalidBundle, match="teacher-mine"):
        find_teacher(taught, run_dir=tmp_path / "pupil-mine" / "all", left_out=[], training_data="12 pictures")
    shutil.copytree(bundle, tmp_path / "teacher-mine" / "all" / "bundle")
    with pytest.raises(ValueError, match="was taught on other data: brain-mri"):
        find_teacher(taught, run_dir=tmp_path / "pupil-mine" / "all", left_out=[], training_data="12 pictures")
    for run in ("pupil", "pupil-mine"):
        assert find_teacher(taught, run_dir=tmp_path / run / "all", left_out=[], training_data=TRAINING_DATA)
