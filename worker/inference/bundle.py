"""A model bundle on disk: `weights.keras`, `features.npz`, `gate.npz`, and `bundle.json`, which has their hashes.

Read before any weights are: a bundle that was altered, or that another version of this code wrote, is refused.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.domain import TumorClass
from shared.errors import InvalidBundle

WEIGHTS_FILE = "weights.keras"
FEATURES_FILE = "features.npz"
GATE_FILE = "gate.npz"
DESCRIPTION_FILE = "bundle.json"


@dataclass(frozen=True)
class Bundle:
    """What bundle.json says.

    `temperature` > 0 divides the logits, `healthy_offset` <= 0 is added to that of "no tumour" then; a confidence
    under `review_below` asks for a person, and so does a distance from the training data over `review_beyond`.
    `training_features` is None in a bundle that knows no distance, `gate` in one that turns nothing away.
    `description` is the whole document, with the measured figures.
    """

    name: str
    version: str
    size_px: int
    temperature: float
    healthy_offset: float
    review_below: float
    review_beyond: float
    weights: Path
    training_features: Path | None
    gate: Path | None
    description: Mapping[str, Any]


def read_bundle(folder: Path) -> Bundle:
    """Read and check a bundle's description and the hash of its weights. Raises InvalidBundle."""
    try:
        document = json.loads((folder / DESCRIPTION_FILE).read_text())
        expected = {WEIGHTS_FILE: document.get("sha256")}
        if "distance" in document:
            expected[FEATURES_FILE] = document["distance"].get("sha256")
        if "gate" in document:
            expected[GATE_FILE] = document["gate"].get("sha256")
        found = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in expected}
    except (OSError, ValueError, AttributeError) as error:
        raise InvalidBundle(f"{folder} is no readable model bundle: {error}") from error
    try:
        bundle = Bundle(
            name=str(document["name"]),
            version=str(document["version"]),
            size_px=int(document["input"]["size_px"]),
            temperature=float(document["temperature"]),
            healthy_offset=float(document.get("healthy_offset", 0)),
            review_below=float(document["review_below"]),
            review_beyond=float(document["distance"]["review_beyond"]) if "distance" in document else math.inf,
            weights=folder / WEIGHTS_FILE,
            training_features=folder / FEATURES_FILE if "distance" in document else None,
            gate=folder / GATE_FILE if "gate" in document else None,
            description=document,
        )
        classes, channels = document["classes"], document["input"]["channels"]
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidBundle(f"{folder}: {DESCRIPTION_FILE} lacks or misstates {error}") from error
    for name, digest in expected.items():
        if found[name] != digest:
            raise InvalidBundle(f"{folder}: {name} is not the file that {DESCRIPTION_FILE} describes")
    if classes != [str(label) for label in TumorClass] or channels != 1:
        raise InvalidBundle(f"{folder}: made for the classes {classes} and {channels} channels")
    if not (math.isfinite(bundle.temperature) and bundle.temperature > 0 and bundle.size_px > 0):
        raise InvalidBundle(f"{folder}: temperature and size must be positive")
    if not -math.inf < bundle.healthy_offset <= 0:
        raise InvalidBundle(f"{folder}: healthy_offset must be a number of at most 0, not {bundle.healthy_offset}")
    return bundle
