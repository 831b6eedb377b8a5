"""A run that was killed goes on as if it had not been."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training import fit
from training.batches import AugmentedBatches
from training.config import TrainingConfig
from training.dataset.slices import Examples
from training.evaluation.history import HISTORY_FILE
from training.fit import fixed_size, take_run_folder, train
from training.teacher import Teacher

CONFIG = TrainingConfig(
    name="tiny",
    architecture="pyramid",
    seed=1,
    size_px=32,
    cache_px=40,
    small_px=16,
    small_epochs=0,
    width=6,
    epochs=3,
    batch=4,
    learning_rate=1e-3,
    weight_decay=0.01,
    warm_up_epochs=0.5,
    label_smoothing=0.05,
    outline_weight=0.3,
    cell_weight=0.2,
    averaging=0.9,
    precision="float32",
    augmentation=1.0,
    counterfactuals=0.0,
    patchwork=0.3,
    stripped=0.3,
    crops=0.3,
    other_greys=0.0,
    teacher="",
    teacher_share=0.0,
)


@dataclass(frozen=True)
class Run:
    """A finished run."""

    network: Any
    lines: list[str]


@pytest.fixture(scope="module")
def examples() -> Examples:
    rng = np.random.default_rng(0)
    outlines = np.zeros((12, 40, 40), np.uint8)
    outlines[:6, 10:20, 10:20] = 255
    return Examples(
        pixels=rng.integers(0, 256, (12, 40, 40)).astype(np.uint8), outlines=outlines, labels=np.arange(12) % 4
    )


@pytest.fixture(scope="module")
def whole_run(examples: Examples, tmp_path_factory: pytest.TempPathFactory) -> Run:
    lines: list[str] = []
    folder = tmp_path_factory.mktemp("whole")
    return Run(train(examples, config=CONFIG, run_dir=folder, report=lines.append), lines)


class Killed(Exception):
    """Stands for a process that ends in mid-run."""


def test_a_killed_run_ends_with_the_weights_of_one_that_was_not(
    examples: Examples, whole_run: Run, tmp_path: Path
) -> None:
    def kill_after_two(line: str) -> None:
        if line.startswith("epoch 2/"):
            raise Killed

    with pytest.raises(Killed):
        train(examples, config=CONFIG, run_dir=tmp_path, report=kill_after_two)
    resumed = train(examples, config=CONFIG, run_dir=tmp_path, report=lambda _: None)
    for one, other in zip(whole_run.network.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_a_run_killed_before_its_state_was_kept_still_tells_each_epoch_once(
    examples: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    monkeypatch.setattr(fit, "_save", killed)
    with pytest.raises(Killed):
        train(examples, config=CONFIG, run_dir=tmp_path, report=lambda _: None)
    assert epochs_told(tmp_path) == [1]
    monkeypatch.undo()
    train(examples, config=CONFIG, run_dir=tmp_path, report=lambda _: None)
    assert epochs_told(tmp_path) == [1, 2, 3]


def epochs_told(run_dir: Path) -> list[int]:
    return [json.loads(line)["epoch"] for line in (run_dir / HISTORY_FILE).read_text().splitlines()]


def test_a_run_that_is_validated_ends_with_the_weights_of_one_that_is_not(
    examples: Examples, whole_run: Run, tmp_path: Path
) -> None:
    validated = train(examples, config=CONFIG, run_dir=tmp_path, validation=examples, report=lambda _: None)
    for one, other in zip(whole_run.network.get_weights(), validated.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    last = json.loads((tmp_path / HISTORY_FILE).read_text().splitlines()[-1])
    assert 0 <= last["val_accuracy"] <= 1


def test_progress_tells_speed_and_time_left(whole_run: Run) -> None:
    assert "images/s" in whole_run.lines[-1]
    assert "0.0 min left" in whole_run.lines[-1]


def test_the_served_network_holds_the_same_weights(whole_run: Run) -> None:
    fixed = fixed_size(whole_run.network, config=CONFIG)
    batch = np.random.default_rng(0).random((2, 32, 32, 1), np.float32)
    np.testing.assert_allclose(fixed(batch)[0], whole_run.network(batch)[0], atol=1e-5)


@pytest.mark.parametrize(("epoch", "size_px"), [(0, 16), (1, 16), (2, 32)])
def test_the_first_epochs_see_small_pictures(examples: Examples, epoch: int, size_px: int) -> None:
    batches = AugmentedBatches(examples, config=replace(CONFIG, small_epochs=2), stride=8)
    pixels, (labels, cells) = next(iter(batches.epoch(epoch)))
    assert pixels.shape == (4, size_px, size_px, 1)
    assert labels.shape == (4, 4)
    assert cells.shape == (4, size_px // 8, size_px // 8, 4)


class Undecided(Teacher):
    """Gives every class a quarter, and needs no bundle."""

    def __init__(self) -> None:
        pass

    def teach(self, pixels: np.ndarray, truth: np.ndarray) -> np.ndarray:
        return np.full_like(truth, 0.25)


def test_fewer_pictures_than_a_batch_are_refused(examples: Examples, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="12 pictures to train on are fewer than one batch of 13"):
        train(examples, config=replace(CONFIG, batch=13), run_dir=tmp_path)


def test_a_run_folder_belongs_to_one_config(tmp_path: Path) -> None:
    take_run_folder(tmp_path, CONFIG)
    take_run_folder(tmp_path, CONFIG)
    with pytest.raises(ValueError, match="belongs to another config"):
        take_run_folder(tmp_path, replace(CONFIG, crops=0.5))


def test_a_teacher_is_asked_of_whole_pictures_alone(examples: Examples) -> None:
    def targets_with(share: float) -> np.ndarray:
        config = replace(CONFIG, patchwork=share, crops=0.0)
        batches = AugmentedBatches(examples, config=config, stride=8, teacher=Undecided()).epoch(0)
        return np.concatenate([targets for _, (targets, _) in batches])

    assert (targets_with(0.0) == 0.25).all()
    told = targets_with(1.0).max(axis=1)
    assert {float(value) for value in told} == {0.25, 1.0}
