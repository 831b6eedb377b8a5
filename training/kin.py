"""What the gate takes for kin of the training data: the scans as they came, and the same without their skulls.

The distance that sends a scan to review is from scans as they came; a brain that was stripped lies far from them, but
it is a brain, and is not to be turned away as something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from shared.domain import CLASSES
from training.augmentation.example import Example
from training.augmentation.stripped import Stripped
from training.dataset.slices import Slice, load_examples
from worker.inference.distance import TrainingFeatures, fit_training_features
from worker.inference.model import Model, load_model

_STRIPPED_PX = 200
_AT_ONCE = 64
Pixels = npt.NDArray[np.uint8]


def fit_kin(model: Model, slices: Sequence[Slice], *, seed: int = 0) -> TrainingFeatures:
    """Of the network's training scans `slices`: a class's heads with skull and without are two kinds."""
    whole = load_examples(slices, size_px=model.size_px)
    stripped, labels = _stripped(slices, size_px=model.size_px, seed=seed)
    features = _features(model, np.concatenate([whole.pixels, stripped]))
    return fit_training_features(features, np.concatenate([whole.labels, labels + len(CLASSES)]))


def out_of_fold_distances(run_dir: Path, slices: Sequence[Slice]) -> dict[str, float]:
    """Of each scan, by its file's name, from the kin of the network in `run_dir` that was kept from its fold."""
    found: dict[str, float] = {}
    for fold in sorted({item.fold for item in slices}):
        model = load_model(run_dir / f"fold-{fold}" / "bundle")
        left_out = [item for item in slices if item.fold == fold]
        kin = fit_kin(model, [item for item in slices if item.fold != fold])
        features = _features(model, load_examples(left_out, size_px=model.size_px).pixels)
        found |= dict(zip((item.file for item in left_out), kin.distances(features).tolist(), strict=True))
    return found


def _stripped(slices: Sequence[Slice], *, size_px: int, seed: int) -> tuple[Pixels, npt.NDArray[np.int64]]:
    """Pictures uint8 (N, S, S) of the heads whose skull parts from the brain, and their labels (N,)."""
    examples, stripping = load_examples(slices, size_px=_STRIPPED_PX), Stripped(share=1)
    size = (size_px, size_px)
    pictures, labels = [], []
    for at in range(len(examples)):
        whole = Example(examples.pixels[at], examples.outlines[at], int(examples.labels[at]))
        stripped = stripping.strip(whole, rng=np.random.default_rng((seed, at)))
        if stripped.changed:
            pictures.append(np.asarray(cv2.resize(stripped.pixels, size, interpolation=cv2.INTER_AREA), np.uint8))
            labels.append(stripped.label)
    return np.reshape(pictures, (-1, *size)).astype(np.uint8), np.array(labels, np.int64)


def _features(model: Model, pixels: Pixels) -> npt.NDArray[np.float32]:
    starts = range(0, len(pixels), _AT_ONCE)
    chunks = (pixels[start : start + _AT_ONCE, ..., None].astype(np.float32) / np.float32(255) for start in starts)
    return np.concatenate([model.features(chunk) for chunk in chunks])
