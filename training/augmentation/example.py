"""One picture on its way into augmentation, and what it is of once a part of it is out of sight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.domain import HEALTHY

IN_HEAD = 20  # grey value of 255; darker is air
_GONE, _THERE = 0.02, 0.6  # of a tumour's area; in between the label would be a matter of opinion


@dataclass(frozen=True)
class Example:
    """Picture uint8 (S, S), its outline mask uint8 (S, S) of 0 or 255, its class's place in `TumorClass`.

    `changed`: a part is missing or from elsewhere, so that what a teacher learned of whole pictures may not hold.
    """

    pixels: npt.NDArray[np.uint8]
    outline: npt.NDArray[np.uint8]
    label: int
    changed: bool = False


def label_of_what_is_seen(parts: Sequence[tuple[Example, npt.NDArray[np.bool_]]]) -> int | None:
    """The class of a picture that shows of each example what its mask (S, S) holds; None where that is arguable.

    A tumour is there with most of its outline, and gone with nearly all of it. Examples of a tumour have an outline.
    """
    shares = [_share_seen(example.outline, seen) for example, seen in parts]
    labels = {example.label for (example, _), share in zip(parts, shares, strict=True) if share >= _THERE}
    if len(labels) > 1 or any(_GONE < share < _THERE for share in shares):
        return None
    return labels.pop() if labels else HEALTHY


def _share_seen(outline: npt.NDArray[np.uint8], seen: npt.NDArray[np.bool_]) -> float:
    """How much of the outlined area is seen; 0 where nothing is outlined."""
    area = np.count_nonzero(outline)
    return np.count_nonzero(outline[seen]) / area if area else 0.0
