"""Writes a model bundle: the weights without optimiser, and the description that the worker checks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from shared.domain import TumorClass
from worker.inference.bundle import DESCRIPTION_FILE, WEIGHTS_FILE
from worker.inference.network import build_network

TRAINING_DATA = (
    "brain-mri: figshare 1512427 (Cheng et al., T1 with contrast, CC BY 4.0), Br35H 2020 and the remaining images "
    "of the Kaggle brain tumour collection ('sartaj'); patients kept whole in five folds"
)
LICENCE = "Apache-2.0"


def export_bundle(
    net: keras.Model,
    folder: Path,
    *,
    temperature: float = 1.0,
    review_below: float = 0.6,
    metrics: Mapping[str, Any] | None = None,
    trained_on: str = "nothing: random weights, for development and tests",
    version: str = "1",
) -> None:
    """Write `net` as a bundle named like `folder`; an existing one is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / WEIGHTS_FILE
    net.compile()  # drops the optimiser, and with it two thirds of the file
    net.save(weights)
    document = {
        "name": folder.name,
        "version": version,
        "classes": [str(label) for label in TumorClass],
        "input": {"size_px": int(net.input_shape[1]), "channels": 1},
        "parameters": int(net.count_params()),
        "temperature": round(temperature, 4),
        "review_below": round(review_below, 4),
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "training_data": f"{TRAINING_DATA}. This bundle saw: {trained_on}.",
        "licence": LICENCE,
        "intended_use": "research; not a medical device",
        "metrics": dict(metrics or {}),
    }
    (folder / DESCRIPTION_FILE).write_text(json.dumps(document, indent=2) + "\n")


def record_metrics(folder: Path, metrics: Mapping[str, Any]) -> None:
    """Put measured figures into a bundle's description; the weights and their hash stay as they are."""
    path = folder / DESCRIPTION_FILE
    document = json.loads(path.read_text())
    document["metrics"] = dict(metrics)
    path.write_text(json.dumps(document, indent=2) + "\n")


def export_untrained(folder: Path, *, seed: int = 0, size_px: int = 160, width: int = 24) -> None:
    """A small valid bundle with random weights: what the service needs to be developed and tested without training."""
    keras.utils.set_random_seed(seed)
    export_bundle(build_network(size_px=size_px, width=width), folder)
