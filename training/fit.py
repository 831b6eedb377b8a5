"""Train one network: seeded, resumable, with the time left in every line.

A run lives in one folder: `state.npz` (weights, optimiser, epoch) is replaced after every epoch, and a run that
was killed goes on from it with the same random numbers it would have drawn.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt

from training.architectures import build
from training.batches import AugmentedBatches
from training.config import TrainingConfig
from training.dataset.slices import Examples
from training.evaluation.calibrate import negative_log_likelihood
from training.evaluation.history import CONFIG_FILE, HISTORY_FILE
from training.losses import ClassMapLoss
from training.precision import convolutions_in
from training.teacher import Teacher

Report = Callable[[str], None]
WEIGHTS_FILE = "final.weights.h5"
_VALIDATE_EVERY = 3  # epochs


def take_run_folder(run_dir: Path, config: TrainingConfig) -> None:
    """Make the folder of a run, or go on in it. Raises ValueError where it is the folder of another config."""
    run_dir.mkdir(parents=True, exist_ok=True)
    stated, path = asdict(config), run_dir / CONFIG_FILE
    if path.exists() and json.loads(path.read_text()) != stated:
        raise ValueError(f"{run_dir} belongs to another config; delete it, or give another --run-dir")
    path.write_text(json.dumps(stated, indent=1))


def train(
    examples: Examples,
    *,
    config: TrainingConfig,
    run_dir: Path,
    validation: Examples | None = None,
    initialise: Callable[[keras.Model], None] | None = None,
    teacher: Teacher | None = None,
    report: Report = print,
) -> keras.Model:
    """Train on `examples` (pixels at config.cache_px) and return the network with its averaged weights.

    The network returned takes any size; `fixed_size` gives it the one it is served at. `validation` is only
    looked at, for the curves; `initialise` puts weights into the fresh network. Writes `final.weights.h5` and
    `history.jsonl` to `run_dir`.
    """
    take_run_folder(run_dir, config)
    keras.utils.set_random_seed(config.seed)
    cv2.setNumThreads(1)  # the other core is the network's
    network = build(config, size_px=None)
    if initialise is not None:
        initialise(network)
    stride = config.size_px // fixed_size(network, config=config).output_shape[1][1]
    batches = AugmentedBatches(examples, config=config, stride=stride, teacher=teacher)
    _compile(network, config=config, steps_per_epoch=batches.steps)
    first_epoch = _restore(network, run_dir / "state.npz")
    report(
        f"{len(examples)} images, {batches.steps} steps an epoch, {network.count_params():,} parameters, "
        f"from epoch {first_epoch}"
    )

    def validated(epoch: int) -> dict[str, float]:
        looked_at = epoch % _VALIDATE_EVERY == 0 or epoch == config.epochs - 1
        if validation is None or not looked_at:
            return {}
        return _validate(network, validation, size_px=config.size_at(epoch))

    with convolutions_in(config.precision):
        for epoch in range(first_epoch, config.epochs):
            figures, took_s = _train_epoch(network, batches, epoch=epoch)
            figures |= validated(epoch)
            # Killed between the two, the run does the epoch again and replaces its line.
            _record(figures, took_s=took_s, epoch=epoch, run_dir=run_dir)
            _save(network, run_dir / "state.npz", epochs_done=epoch + 1)
            report(_in_words(figures, took_s=took_s, epoch=epoch, steps=batches.steps, config=config))
    _take_averages(network)
    network.save_weights(run_dir / WEIGHTS_FILE)
    return network


def fixed_size(network: keras.Model, *, config: TrainingConfig) -> keras.Model:
    """The same weights in a network that takes config.size_px alone, as a bundle wants it."""
    fixed = build(config, size_px=config.size_px)
    fixed.set_weights(network.get_weights())
    return fixed


def _train_epoch(network: keras.Model, batches: AugmentedBatches, *, epoch: int) -> tuple[dict[str, float], float]:
    """One epoch: its mean figures and the seconds it took. Raises FloatingPointError for a loss that ran away.

    By train_on_batch: `fit` hands the batches to TensorFlow's data threads, which took twice the time on two
    cores.
    """
    started_s = time.monotonic()
    sums: dict[str, float] = defaultdict(float)
    for pixels, targets in batches.epoch(epoch):
        for name, value in network.train_on_batch(pixels, list(targets), return_dict=True).items():
            sums[name] += float(value)
    figures = {name: round(total / batches.steps, 4) for name, total in sums.items()}
    if not all(math.isfinite(value) for value in figures.values()):
        raise FloatingPointError(f"epoch {epoch + 1}: the loss is no longer finite")
    return figures, time.monotonic() - started_s


def _validate(network: keras.Model, validation: Examples, *, size_px: int) -> dict[str, float]:
    """Accuracy and negative log-likelihood of the averaged weights; those in training are put back."""
    in_training = [np.asarray(weight) for weight in network.trainable_variables]
    _take_averages(network)
    logits = np.concatenate(
        [network.predict_on_batch(pixels)[0] for pixels in _plain_batches(validation.pixels, size_px=size_px)]
    )
    for variable, value in zip(network.trainable_variables, in_training, strict=True):
        variable.assign(value)
    accuracy = (logits.argmax(axis=1) == validation.labels).mean()
    loss = negative_log_likelihood(logits.astype(np.float64), validation.labels)
    return {"val_accuracy": round(float(accuracy), 4), "val_loss": round(loss, 4)}


def _take_averages(network: keras.Model) -> None:
    """Give the weights their averages, in arrays of their own: JAX gives up those that it predicts with."""
    network.optimizer.finalize_variable_values(network.trainable_variables)
    for variable in network.trainable_variables:
        variable.assign(np.array(variable))


def _plain_batches(pixels: npt.NDArray[np.uint8], *, size_px: int) -> Iterator[npt.NDArray[np.float32]]:
    """As they are, only at the size asked for: float32 (n, size_px, size_px, 1) in [0, 1]."""
    for start in range(0, len(pixels), 64):
        resized = [
            cv2.resize(picture, (size_px, size_px), interpolation=cv2.INTER_AREA)
            for picture in pixels[start : start + 64]
        ]
        yield np.stack(resized)[..., None].astype(np.float32) / np.float32(255)


def _record(figures: Mapping[str, float], *, took_s: float, epoch: int, run_dir: Path) -> None:
    path = run_dir / HISTORY_FILE
    earlier = path.read_text().splitlines()[:epoch] if path.exists() else []
    line = json.dumps({"epoch": epoch + 1, "took_s": round(took_s, 1), **figures})
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text("\n".join([*earlier, line]) + "\n")
    os.replace(unfinished, path)


def _in_words(figures: Mapping[str, float], *, took_s: float, epoch: int, steps: int, config: TrainingConfig) -> str:
    told = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
    speed, left_min = steps * config.batch / took_s, took_s * (config.epochs - epoch - 1) / 60
    return f"epoch {epoch + 1}/{config.epochs}: {told}; {speed:.0f} images/s, {left_min:.1f} min left"


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
            ClassMapLoss(outline_weight=config.outline_weight, cell_weight=config.cell_weight),
        ],
        metrics=[["accuracy"], []],
        jit_compile=keras.backend.backend() == "jax",
    )
    optimizer.build(network.trainable_variables)


def _variables(network: keras.Model) -> list[Any]:
    return [*network.variables, *network.optimizer.variables]


def _save(network: keras.Model, path: Path, *, epochs_done: int) -> None:
    """Replace the state in one step, so that a kill leaves the old one or the new one."""
    arrays = {f"v{at:04}": np.asarray(variable) for at, variable in enumerate(_variables(network))}
    arrays["epochs_done"] = np.array(epochs_done)
    unfinished = path.with_suffix(".tmp.npz")
    np.savez(unfinished, allow_pickle=False, **arrays)
    os.replace(unfinished, path)


def _restore(network: keras.Model, path: Path) -> int:
    """Load the state saved last, if any; the number of epochs already done."""
    if not path.exists():
        return 0
    with np.load(path, allow_pickle=False) as saved:
        for at, variable in enumerate(_variables(network)):
            variable.assign(saved[f"v{at:04}"])
        return int(saved["epochs_done"])
