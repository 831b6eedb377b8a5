"""One training run's settings, read from a TOML file that also states what the run is expected to give."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class TrainingConfig:
    """`cache_px`: images are kept at this size and augmented down to `size_px`. Rates are per step."""

    name: str
    seed: int
    size_px: int
    cache_px: int
    width: int
    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    warm_up_epochs: float
    label_smoothing: float
    outline_weight: float
    averaging: float


def load_config(path: Path, **changes: Any) -> TrainingConfig:
    """Read the [run] table of `path`; `changes` replace values. Raises ValueError for unknown or missing keys."""
    table = tomllib.loads(path.read_text())["run"]
    names = {field.name for field in fields(TrainingConfig)}
    if set(table) != names:
        raise ValueError(f"{path}: keys differ from the expected ones: {sorted(set(table) ^ names)}")
    return replace(TrainingConfig(**table), **changes)
