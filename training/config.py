"""One training run's settings, read from a TOML file that also states what the run is expected to give."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class TrainingConfig:
    """`architecture`: one of `training.architectures`. `cache_px`: images are kept at this size and
    augmented down to `size_px`. Rates are per step.

    `outline_weight` and `cell_weight`: of the two terms of `training.losses`.

    `teacher` names the run, or several joined by "+", whose bundles for the same fold give `teacher_share` of the
    target of each picture that is neither counterfactual, sewn, stripped nor cropped, or is empty.

    `counterfactuals`: how many of the examples that have one are shown as their counterfactual instead, 0 to 1.

    `patchwork`: how many are covered in part by a piece of another one, 0 to 1.

    `stripped`: how many are shown without scalp and skull, 0 to 1.

    `crops`: how many show a part of them, enlarged, 0 to 1.

    `other_greys`: how many pictures are given the greys of another one, 0 to 1.

    `precision`: of convolutions on a CPU, one of `training.precision`; weights stay float32.

    The first `small_epochs` see `small_px` instead: the network takes any size, and half the pixels cost half.
    """

    name: str
    architecture: str
    seed: int
    size_px: int
    cache_px: int
    small_px: int
    small_epochs: int
    width: int
    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    warm_up_epochs: float
    label_smoothing: float
    outline_weight: float
    cell_weight: float
    averaging: float
    precision: str
    augmentation: float
    counterfactuals: float
    patchwork: float
    stripped: float
    crops: float
    other_greys: float
    teacher: str
    teacher_share: float

    def size_at(self, epoch: int) -> int:
        """The side of the images of epoch 0, 1, ..."""
        return self.small_px if epoch < self.small_epochs else self.size_px


def load_config(path: Path) -> TrainingConfig:
    """Read the [run] table of `path`. Raises ValueError where it is missing, or has unknown or too few keys."""
    table = tomllib.loads(path.read_text()).get("run", {})
    names = {field.name for field in fields(TrainingConfig)}
    if set(table) != names:
        raise ValueError(f"{path}: keys differ from the expected ones: {sorted(set(table) ^ names)}")
    return TrainingConfig(**table)
