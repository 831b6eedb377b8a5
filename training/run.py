"""Whole training runs: one network with its bundle, and the scores of the scans it was kept from.

Cross-validation leaves out one fold after the other, so that every scan is scored by a network that never saw its
patient. A run that was stopped goes on where it was: finished folds are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from training.architectures import load_imagenet
from training.config import TrainingConfig
from training.dataset.entries import UnusableData
from training.dataset.slices import Examples, Slice, load_examples
from training.evaluation.scores import SCORES_FILE, ScanScore, labels_of, logits_of, read_scores, write_scores
from training.evaluation.scoring import score
from training.export import BUNDLE_FOLDER, SOURCES, TRAINING_DATA, export_bundle
from training.fit import Report, fixed_size, take_run_folder, train
from training.teacher import find_teacher
from worker.inference.distance import fit_training_features
from worker.inference.model import load_model, with_features

IMAGENET_FILE = Path("weights") / "mobilenetv2-imagenet-folded.npz"
OUT_OF_FOLD_FILE = "out-of-fold.csv"
_IMAGES_FOR_STATISTICS = 96


def require_weights(config: TrainingConfig, *, datasets: Path) -> None:
    """Raise UnusableData where a network is to begin with ImageNet's weights and they are not there."""
    path = datasets / IMAGENET_FILE
    if config.architecture == "mobilenetv2" and not path.is_file():
        told = "there are no ImageNet weights for MobileNetV2 to begin with; NEUROBATCH_DATASETS names the folder above"
        raise UnusableData(path, [f"{told} {IMAGENET_FILE.parent}/"])


def cross_validate(
    slices: Sequence[Slice], *, config: TrainingConfig, datasets: Path, run_dir: Path, report: Report = print
) -> list[ScanScore]:
    """Leave out each fold of `slices` in turn; the scores of all, written to `out-of-fold.csv` in `run_dir`."""
    scores: list[ScanScore] = []
    for fold in sorted({item.fold for item in slices}):
        report(f"fold {fold} is left out")
        left_out = [item for item in slices if item.fold == fold]
        folder = run_dir / f"fold-{fold}"
        scores += leave_out(left_out, slices, config=config, datasets=datasets, run_dir=folder, report=report)
        keras.backend.clear_session()
    write_scores(run_dir / OUT_OF_FOLD_FILE, scores)
    return scores


def leave_out(
    left_out: Sequence[Slice],
    slices: Sequence[Slice],
    *,
    config: TrainingConfig,
    datasets: Path,
    run_dir: Path,
    report: Report = print,
) -> list[ScanScore]:
    """Train on all `slices` but those `left_out` and score these: `scores.csv` in `run_dir`, read if it is there."""
    take_run_folder(run_dir, config)
    written = run_dir / SCORES_FILE
    if written.exists():
        return _of_these(left_out, read_scores(written), path=written)
    paths = {item.path for item in left_out}
    kept = [item for item in slices if item.path not in paths]
    train_bundle(kept, config=config, datasets=datasets, run_dir=run_dir, validation=left_out, report=report)
    scores = score(load_model(run_dir / BUNDLE_FOLDER), left_out, report=lambda _: None)
    write_scores(written, scores)
    right = (logits_of(scores).argmax(axis=1) == labels_of(scores)).mean()
    report(f"{len(scores)} scans left out: {right:.1%} right")
    return scores


def _of_these(left_out: Sequence[Slice], scores: list[ScanScore], *, path: Path) -> list[ScanScore]:
    """The scores of a run that was here before; ValueError where it was of other scans."""
    wanted = {(item.file, item.label, item.patient, item.fold) for item in left_out}
    other = wanted ^ {(score.file, score.label, score.patient, score.fold) for score in scores}
    if other:
        raise ValueError(f"{path} is of other data: {len(other)} scans differ; delete its folder or give --run-dir")
    return scores


def train_bundle(
    slices: Sequence[Slice],
    *,
    config: TrainingConfig,
    datasets: Path,
    run_dir: Path,
    validation: Sequence[Slice] = (),
    report: Report = print,
) -> None:
    """Train on `slices` and write the bundle, not calibrated yet, to `run_dir`."""
    training_data = _training_data(slices, datasets=datasets)
    teacher = find_teacher(config, run_dir=run_dir, left_out=validation, training_data=training_data)
    report(f"reading {len(slices) + len(validation)} images")
    examples = load_examples(slices, size_px=config.cache_px)
    network = train(
        examples,
        config=config,
        run_dir=run_dir,
        validation=load_examples(validation, size_px=config.cache_px) if validation else None,
        initialise=_initialise(examples, config=config, datasets=datasets),
        teacher=teacher,
        report=report,
    )
    served = fixed_size(network, config=config)
    fitted = fit_training_features(_features(served, slices, size_px=config.size_px), examples.labels)
    export_bundle(
        served,
        run_dir / BUNDLE_FOLDER,
        training_features=fitted,
        training_data=training_data,
        trained_on="see config.json of its run",
    )


def _training_data(slices: Sequence[Slice], *, datasets: Path) -> str:
    """What a bundle says that it comes from; of somebody's own pictures no more is known than how many there are."""
    shared = (datasets / "brain-mri").resolve()
    sources = {item.source for item in slices}
    if sources <= SOURCES and all(item.path.resolve().is_relative_to(shared) for item in slices):
        return TRAINING_DATA
    return f"{len(slices)} pictures of the user's own (source: {', '.join(sorted(sources))})"


def _initialise(examples: Examples, *, config: TrainingConfig, datasets: Path) -> Callable[[keras.Model], None] | None:
    if config.architecture != "mobilenetv2":
        return None
    chosen = np.random.default_rng(config.seed).permutation(len(examples))[:_IMAGES_FOR_STATISTICS]
    pixels = examples.pixels[chosen][..., None].astype(np.float32) / np.float32(255)
    return lambda network: load_imagenet(network, datasets / IMAGENET_FILE, pixels=pixels)


def _features(network: keras.Model, slices: Sequence[Slice], *, size_px: int) -> npt.NDArray[np.float32]:
    """The mean of the last feature maps of every slice as it is served: float32 (N, C)."""
    examples = load_examples(slices, size_px=size_px)
    outputs = with_features(network)
    parts = [
        outputs.predict_on_batch(examples.pixels[start : start + 64][..., None].astype(np.float32) / np.float32(255))[2]
        for start in range(0, len(examples), 64)
    ]
    return np.concatenate(parts)
