"""How far a scan is from everything the network was trained on.

A network is as sure of pictures unlike its training data as of others; its inner features tell them apart. The
distance is Mahalanobis' to the nearest class mean, under one covariance for all classes (Lee et al. 2018, "A
simple unified framework for detecting out-of-distribution samples and adversarial attacks"), in the mean of the
last feature maps.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_SHRINKAGE = 0.05  # of the covariance, towards its mean variance: rare directions are poorly known
_MOST_DIRECTIONS = 192  # kept, the ones of greatest variance; a wider network would make a large file


@dataclass(frozen=True)
class TrainingFeatures:
    """The training data in the network's own terms.

    `whitening`: float32 (C, k), takes features to where every class has unit covariance; `means`: float32
    (classes, k), the classes' means there.
    """

    whitening: Floats
    means: Floats

    def distances(self, features: Floats) -> Floats:
        """float32 (N, C) -> (N,), >= 0: to the nearest class mean, in standard deviations per sqrt(k)."""
        there = features @ self.whitening
        squared = ((there[:, None, :] - self.means[None]) ** 2).mean(axis=2)
        return np.asarray(np.sqrt(squared.min(axis=1)), np.float32)


def fit_training_features(features: Floats, labels: npt.NDArray[np.int64]) -> TrainingFeatures:
    """From features (N, C) of training scans and their labels (N,); a label that none has has no mean."""
    present, of_each = np.unique(labels, return_inverse=True)
    means = np.stack([features[labels == label].mean(axis=0) for label in present])
    centred = (features - means[of_each]).astype(np.float64)
    covariance = centred.T @ centred / len(centred)
    covariance += _SHRINKAGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    variances, directions = np.linalg.eigh(covariance)
    kept = slice(-_MOST_DIRECTIONS, None)
    whitening = (directions[:, kept] / np.sqrt(variances[kept])).astype(np.float32)
    return TrainingFeatures(whitening=whitening, means=(means @ whitening).astype(np.float32))


def save_training_features(path: Path, fitted: TrainingFeatures) -> None:
    """Write .npz."""
    np.savez_compressed(path, whitening=fitted.whitening, means=fitted.means)


def load_training_features(path: Path) -> TrainingFeatures:
    """Read what `save_training_features` wrote. Raises OSError, ValueError or KeyError."""
    with np.load(path, allow_pickle=False) as saved:
        return TrainingFeatures(whitening=saved["whitening"], means=saved["means"])
