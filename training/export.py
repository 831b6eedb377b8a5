"""Writes a model bundle: the weights without optimiser, and the description that the worker checks."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from shared.domain import TumorClass
from worker.inference.bundle import DESCRIPTION_FILE, FEATURES_FILE, GATE_FILE, WEIGHTS_FILE
from worker.inference.distance import TrainingFeatures, fit_training_features, save_training_features
from worker.inference.gate import Gate, save_gate
from worker.inference.network import FEATURES, build_network

TRAINING_DATA = (
    "brain-mri: figshare 1512427 (Cheng et al., T1 with contrast, CC BY 4.0), Br35H 2020 and the remaining images "
    "of the Kaggle brain tumour collection ('sartaj'); patients kept whole in five folds"
)
SOURCES = frozenset({"figshare", "br35h", "sartaj"})  # its index calls them so
BUNDLE_FOLDER = "bundle"  # in the folder of a run
LICENCE = "Apache-2.0"
_ANY_DISTANCE = 1e9  # JSON knows no infinity


def export_bundle(
    net: keras.Model,
    folder: Path,
    *,
    temperature: float = 1.0,
    healthy_offset: float = 0.0,
    review_below: float = 0.6,
    review_beyond: float | None = None,
    training_features: TrainingFeatures | None = None,
    gate: Gate | None = None,
    metrics: Mapping[str, Any] | None = None,
    training_data: str = TRAINING_DATA,
    trained_on: str = "nothing: random weights, for development and tests",
    caveats: Sequence[str] = (),
) -> None:
    """Write `net` as a bundle named like `folder`; an existing one is replaced.

    Without `training_features` the bundle knows no distance; without `review_beyond` none is too far; without
    `gate` it turns nothing away. `caveats`: what is wrong with it, a sentence or two each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / WEIGHTS_FILE
    net.compile()  # drops the optimiser, and with it two thirds of the file
    net.save(weights)
    document: dict[str, Any] = {
        "name": folder.name,
        "version": "1",
        "classes": [str(label) for label in TumorClass],
        "input": {"size_px": int(net.input_shape[1]), "channels": 1},
        "parameters": int(net.count_params()),
        "temperature": round(temperature, 4),
        "healthy_offset": round(healthy_offset, 4),
        "review_below": round(review_below, 4),
        "sha256": _sha256(weights),
        "training_data": training_data,
        "trained_on": trained_on,
        "licence": LICENCE,
        "intended_use": "research; not a medical device",
        "metrics": dict(metrics or {}),
        **({"caveats": list(caveats)} if caveats else {}),
    }
    if training_features is not None:
        document["distance"] = _write_features(training_features, folder / FEATURES_FILE, review_beyond=review_beyond)
    if gate is not None:
        document["gate"] = _write_gate(gate, folder / GATE_FILE)
    (folder / DESCRIPTION_FILE).write_text(json.dumps(document, indent=2) + "\n")


def _write_features(fitted: TrainingFeatures, path: Path, *, review_beyond: float | None) -> dict[str, Any]:
    save_training_features(path, fitted)
    limit = _ANY_DISTANCE if review_beyond is None else review_beyond
    return {"review_beyond": round(limit, 4), "sha256": _sha256(path)}


def _write_gate(gate: Gate, path: Path) -> dict[str, Any]:
    save_gate(path, gate)
    with_distance = gate.reject_beyond_with_distance
    return {
        "reject_beyond": gate.reject_beyond,
        "reject_beyond_with_distance": with_distance if math.isfinite(with_distance) else None,
        "distance_power": gate.distance_power,
        "rejects_ct": gate.rejects_ct,
        "sha256": _sha256(path),
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def export_untrained(folder: Path, *, seed: int = 0, size_px: int = 160, width: int = 24, peaks: bool = False) -> None:
    """A small valid bundle with random weights: what the service needs to be developed and tested without training."""
    keras.utils.set_random_seed(seed)
    net = build_network(size_px=size_px, width=width, peaks=peaks)
    features = np.random.default_rng(seed).random((64, net.get_layer(FEATURES).output.shape[-1]), np.float32)
    fitted = fit_training_features(features, np.arange(64) % len(TumorClass))
    export_bundle(net, folder, training_features=fitted)
