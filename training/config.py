"""One training run's settings, read from a TOML file that also states what the run is expected to give."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import get_type_hints

from shared.errors import NeurobatchError


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


class InvalidConfig(NeurobatchError, ValueError):
    """A file that is no config of a training run."""

    code = "invalid_config"


def load_config(path: Path) -> TrainingConfig:
    """Read the [run] table of `path`. Raises InvalidConfig for no TOML, and keys or values that are not expected."""
    try:
        run = tomllib.loads(path.read_text()).get("run")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidConfig(f"{path} is no TOML: {error}") from error
    table = run if isinstance(run, dict) else {}
    kinds = get_type_hints(TrainingConfig)
    told = [f"{name} is missing" for name in kinds if name not in table]
    told += [f"{name} is not known" for name in table if name not in kinds]
    for name in table.keys() & kinds.keys():
        kind = kinds[name]
        if type(table[name]) not in ((int, float) if kind is float else (kind,)):
            told.append(f"{name} = {table[name]!r} is no {kind.__name__}")
    if told:
        raise InvalidConfig(f"{path}, [run]: {'; '.join(sorted(told))}")
    return TrainingConfig(**table)
