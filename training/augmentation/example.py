"""One picture on its way into augmentation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Example:
    """Picture uint8 (S, S), its outline mask uint8 (S, S) of 0 or 255, its class's place in `TumorClass`."""

    pixels: npt.NDArray[np.uint8]
    outline: npt.NDArray[np.uint8]
    label: int
