"""What comes of opening a file, in this process or in the one that decodes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Opened(NamedTuple):
    """A file's picture, uint8 (H, W), or why there is none, and the milliseconds that reading it took."""

    image: npt.NDArray[np.uint8] | Exception
    read_ms: float
