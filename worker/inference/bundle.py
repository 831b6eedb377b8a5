"""A model bundle on disk: `weights.keras` and `bundle.json`, which says what they are and their hash.

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
DESCRIPTION_FILE = "bundle.json"


@dataclass(frozen=True)
class Bundle:
    """What bundle.json says.

    `temperature` > 0 divides the logits; a confidence under `review_below` asks for a person. `description` is
    the whole document, with the measured figures.
    """

    name: str
    version: str
    size_px: int
    temperature: float
    review_below: float
    weights: Path
    description: Mapping[str, Any]


def read_bundle(folder: Path) -> Bundle:
    """Read and check a bundle's description and the hash of its weights. Raises InvalidBundle."""
    try:
        document = json.loads((folder / DESCRIPTION_FILE).read_text())
        weights = folder / WEIGHTS_FILE
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    except (OSError, ValueError) as error:
        raise InvalidBundle(f"{folder} is no readable model bundle: {error}") from error
    try:
        bundle = Bundle(
            name=str(document["name"]),
            version=str(document["version"]),
            size_px=int(document["input"]["size_px"]),
            temperature=float(document["temperature"]),
            review_below=float(document["review_below"]),
            weights=weights,
            description=document,
        )
        classes, channels, expected = document["classes"], document["input"]["channels"], document["sha256"]
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidBundle(f"{folder}: {DESCRIPTION_FILE} lacks or misstates {error}") from error
    if digest != expected:
        raise InvalidBundle(f"{folder}: {WEIGHTS_FILE} is not the file that {DESCRIPTION_FILE} describes")
    if classes != [str(label) for label in TumorClass] or channels != 1:
        raise InvalidBundle(f"{folder}: made for the classes {classes} and {channels} channels")
    if not (math.isfinite(bundle.temperature) and bundle.temperature > 0 and bundle.size_px > 0):
        raise InvalidBundle(f"{folder}: temperature and size must be positive")
    return bundle
