"""What the class maps are trained on beside the right class: looking at the right place, and saying what lies there.

Both read the same targets, (N, g, g, classes): see `training.cell_labels`.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from shared.domain import HEALTHY

_LEAST_SHARE = 1e-6
_LEAST_CELLS = 1e-6


class ClassMapLoss(keras.losses.Loss):  # type: ignore[misc]
    """`outline_weight` times `outside_outline` plus `cell_weight` times `wrong_cells`, of each scan."""

    def __init__(self, *, outline_weight: float, cell_weight: float, **more: Any) -> None:
        super().__init__(**more)
        self._outline_weight = outline_weight
        self._cell_weight = cell_weight

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """(N, g, g, classes) twice -> (N,)."""
        loss = self._outline_weight * outside_outline(y_true, y_pred)
        return loss + self._cell_weight * wrong_cells(y_true, y_pred) if self._cell_weight else loss


def outside_outline(labels: Any, maps: Any) -> Any:
    """-log of the share of softmax(class map of the true class) that lies inside the tumour's outline.

    `labels`: (N, g, g, classes), how much of each cell is of a class, 0 to 1; a scan without a cell of tumour adds
    nothing. `maps`: class maps of the same shape. Returns (N,).
    """
    wanted = _flat(labels) * _tumours(labels)
    looking = ops.softmax(_flat(maps), axis=1)
    share = ops.sum(wanted * looking, axis=(1, 2))
    known = ops.cast(ops.max(wanted, axis=(1, 2)) > 0, share.dtype)
    return -ops.log(ops.clip(share, _LEAST_SHARE, 1.0)) * known


def wrong_cells(labels: Any, maps: Any) -> Any:
    """Cross-entropy of the cells, those of tumour and of healthy tissue counting half each however many they are.

    `labels` and `maps` as above; cells of which nothing is known count nothing. Returns (N,).
    """
    wanted = _flat(labels)
    surprise = -wanted * ops.log_softmax(_flat(maps), axis=2)
    kinds = _tumours(labels), 1 - _tumours(labels)
    return sum(
        ops.sum(surprise * kind, axis=(1, 2)) / ops.maximum(ops.sum(wanted * kind, axis=(1, 2)), _LEAST_CELLS) / 2
        for kind in kinds
    )


def _flat(maps: Any) -> Any:
    """(N, g, g, classes) -> (N, g * g, classes)."""
    return ops.reshape(maps, (ops.shape(maps)[0], -1, maps.shape[-1]))


def _tumours(labels: Any) -> Any:
    """(classes,): 1 for a tumour's channel, 0 for the healthy one."""
    return 1 - ops.one_hot(HEALTHY, labels.shape[-1], dtype=labels.dtype)
