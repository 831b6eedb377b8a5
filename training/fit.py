"""Train one network: seeded, resumable, with the time left in every line.

A run lives in one folder: `state.npz` (weights, optimiser, epoch) is replaced after every epoch, and a run that
was killed goes on from it with the same random numbers it would have drawn.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt

from training.augment import augment
from training.config import TrainingConfig
from training.data import CLASSES, Examples
from training.losses import OutsideOutline
from worker.inference.network import build_network

Report = Callable[[str], None]
GRID_STRIDE = 8


class AugmentedBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Shuffled, augmented batches; every draw depends on (seed, epoch, batch) alone, so a resumed run repeats it."""

    def __init__(self, examples: Examples, *, config: TrainingConfig, first_epoch: int = 0) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=8)
        self._examples = examples
        self._config = config
        self._epoch = first_epoch
        self._order = self._shuffled()

    def __len__(self) -> int:
        return len(self._examples) // self._config.batch

    def __getitem__(self, index: int) -> tuple[npt.NDArray[np.float32], tuple[Any, Any]]:
        """(N, S, S, 1) and the targets: one-hot (N, 4) and outline cover (N, g, g, 4)."""
        config = self._config
        rng = np.random.default_rng((config.seed, self._epoch, index))
        chosen = self._order[index * config.batch : (index + 1) * config.batch]
        grid = config.size_px // GRID_STRIDE
        pixels = np.empty((config.batch, config.size_px, config.size_px, 1), np.float32)
        cover = np.zeros((config.batch, grid, grid, len(CLASSES)), np.float32)
        labels = self._examples.labels[chosen]
        for at, which in enumerate(chosen):
            picture, mask = augment(
                self._examples.pixels[which], self._examples.outlines[which], size_px=config.size_px, rng=rng
            )
            pixels[at, :, :, 0] = picture
            cover[at, :, :, labels[at]] = cell_cover(mask, grid=grid)
        return pixels, (np.eye(len(CLASSES), dtype=np.float32)[labels], cover)

    def on_epoch_end(self) -> None:
        """Shuffle for the next epoch."""
        self._epoch += 1
        self._order = self._shuffled()

    def _shuffled(self) -> npt.NDArray[np.int64]:
        return np.random.default_rng((self._config.seed, self._epoch)).permutation(len(self._examples))


def cell_cover(mask: npt.NDArray[np.uint8], *, grid: int) -> npt.NDArray[np.float32]:
    """How much of each cell the outline covers, (grid, grid) in [0, 1]; half covered counts as covered."""
    if not mask.any():
        return np.zeros((grid, grid), np.float32)
    share = cv2.resize(mask, (grid, grid), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return np.minimum(1.0, 2 * share)


def train(examples: Examples, *, config: TrainingConfig, run_dir: Path, report: Report = print) -> keras.Model:
    """Train on `examples` (pixels at config.cache_px) and return the network with its averaged weights."""
    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / "config.json").write_text(json.dumps(asdict(config), indent=1))
    keras.utils.set_random_seed(config.seed)
    cv2.setNumThreads(1)  # the other core is the network's
    network = build_network(size_px=config.size_px, width=config.width, classes=len(CLASSES))
    steps = len(examples) // config.batch
    _compile(network, config=config, steps_per_epoch=steps)
    first_epoch = _restore(network, run_dir / "state.npz")
    report(
        f"{len(examples)} images, {steps} steps an epoch, {network.count_params():,} parameters, from epoch {first_epoch}"
    )
    network.fit(
        AugmentedBatches(examples, config=config, first_epoch=first_epoch),
        epochs=config.epochs,
        initial_epoch=first_epoch,
        shuffle=False,
        verbose=0,
        callbacks=[_Progress(run_dir=run_dir, config=config, images=steps * config.batch, report=report)],
    )
    network.optimizer.finalize_variable_values(network.trainable_variables)
    return network


def _compile(network: keras.Model, *, config: TrainingConfig, steps_per_epoch: int) -> None:
    warm_up = int(config.warm_up_epochs * steps_per_epoch)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.learning_rate / 20,
        warmup_target=config.learning_rate,
        warmup_steps=warm_up,
        decay_steps=max(1, config.epochs * steps_per_epoch - warm_up),
        alpha=0.005,
    )
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=config.weight_decay, use_ema=True, ema_momentum=config.averaging
    )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    network.compile(
        optimizer=optimizer,
        loss=[
            keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing),
            OutsideOutline(),
        ],
        loss_weights=[1.0, config.outline_weight],
        metrics=[["accuracy"], []],
        jit_compile=keras.backend.backend() == "jax",
    )
    optimizer.build(network.trainable_variables)


class _Progress(keras.callbacks.Callback):  # type: ignore[misc]
    """Saves the state and tells losses, speed and time left after every epoch."""

    def __init__(self, *, run_dir: Path, config: TrainingConfig, images: int, report: Report) -> None:
        super().__init__()
        self._run_dir = run_dir
        self._config = config
        self._images = images
        self._report = report
        self._started_s = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._started_s = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        _save(self.model, self._run_dir / "state.npz", epochs_done=epoch + 1)
        took_s = time.monotonic() - self._started_s
        figures = {name: round(float(value), 4) for name, value in (logs or {}).items()}
        with (self._run_dir / "history.jsonl").open("a") as file:
            file.write(json.dumps({"epoch": epoch + 1, "took_s": round(took_s, 1), **figures}) + "\n")
        left_min = took_s * (self._config.epochs - epoch - 1) / 60
        told = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        self._report(
            f"epoch {epoch + 1}/{self._config.epochs}: {told}; {self._images / took_s:.0f} images/s, {left_min:.1f} min left"
        )
        if any(not math.isfinite(value) for value in figures.values()):
            raise FloatingPointError("the loss is no longer finite")


def _variables(network: keras.Model) -> list[Any]:
    return [*network.variables, *network.optimizer.variables]


def _save(network: keras.Model, path: Path, *, epochs_done: int) -> None:
    arrays = {f"v{at:04}": np.asarray(variable) for at, variable in enumerate(_variables(network))}
    unfinished = path.with_suffix(".tmp.npz")
    np.savez(unfinished, epochs_done=epochs_done, **arrays)
    os.replace(unfinished, path)


def _restore(network: keras.Model, path: Path) -> int:
    """Load the state saved last, if any; the number of epochs already done."""
    if not path.exists():
        return 0
    with np.load(path, allow_pickle=False) as saved:
        for at, variable in enumerate(_variables(network)):
            variable.assign(saved[f"v{at:04}"])
        return int(saved["epochs_done"])
