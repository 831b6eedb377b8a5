"""What an index or a tree of class folders says of each picture, before patients and folds are settled.

Whoever brings a folder of their own wants to hear of everything that is wrong with it at once, and where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shared.domain import TumorClass
from shared.errors import NeurobatchError

_MOST_TOLD = 20


@dataclass(frozen=True)
class Entry:
    """One labelled picture.

    `where`: what a message calls it; `file`: its name in the index, or below the folder; `source`, `patient`: ""
    and `fold`: None where not given; `outline`: float32 (n, 2) of (x, y) in a 512 x 512 frame.
    """

    where: str
    file: str
    path: Path
    label: TumorClass
    source: str = ""
    patient: str = ""
    fold: int | None = None
    outline: npt.NDArray[np.float32] | None = None


class UnusableData(NeurobatchError, ValueError):
    """A data set that cannot be trained on; the message lists the first 20 reasons."""

    code = "unusable_data"

    def __init__(self, place: Path, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        told = [f"  {problem}" for problem in problems[:_MOST_TOLD]]
        if len(problems) > _MOST_TOLD:
            told.append(f"  ... and {len(problems) - _MOST_TOLD} more")
        super().__init__("\n".join([f"{place} cannot be used:", *told]))
