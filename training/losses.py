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
# Where hardly a cell is hot, the coldest are not to count as if they were.
_LEAST_HEAT = 0.25


class ImageLoss(keras.losses.Loss):  # type: ignore[misc]
    """Cross-entropy of the picture's class, where "no tumour" has to lead by `healthy_handicap` (Menon et al. 2021)."""

    def __init__(self, *, label_smoothing: float, healthy_handicap: float, **more: Any) -> None:
        super().__init__(**more)
        self._label_smoothing = label_smoothing
        self._healthy_handicap = healthy_handicap

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """(N, classes) twice -> (N,)."""
        healthy = ops.one_hot(HEALTHY, y_pred.shape[-1], dtype=y_pred.dtype)
        return keras.losses.categorical_crossentropy(
            y_true,
            y_pred + self._healthy_handicap * healthy,
            from_logits=True,
            label_smoothing=self._label_smoothing,
        )


class ClassMapLoss(keras.losses.Loss):  # type: ignore[misc]
    """`outline_weight` times `outside_outline` plus `cell_weight` times `wrong_cells`, of each scan."""

    def __init__(self, *, outline_weight: float, cell_weight: float, hot_cells: float = 0.0, **more: Any) -> None:
        super().__init__(**more)
        self._outline_weight = outline_weight
        self._cell_weight = cell_weight
        self._hot_cells = hot_cells

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """(N, g, g, classes) twice -> (N,)."""
        loss = self._outline_weight * outside_outline(y_true, y_pred)
        return (
            loss + self._cell_weight * wrong_cells(y_true, y_pred, hot=self._hot_cells) if self._cell_weight else loss
        )


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


def wrong_cells(labels: Any, maps: Any, *, hot: float = 0.0) -> Any:
    """Cross-entropy of the cells, those of tumour and of healthy tissue counting half each however many they are.

    Of the healthy half, the share `hot` weighs cells by the square of the probability of a tumour that they are given
    (Lin et al. 2017): one small false spot among hundreds of cells is else next to nothing. `labels` and `maps` as
    above; cells of which nothing is known count nothing. Returns (N,).
    """
    wanted = _flat(labels)
    likely = ops.log_softmax(_flat(maps), axis=2)
    tumour, healthy = _tumours(labels), 1 - _tumours(labels)
    surprise = -wanted * likely
    cells = _mean(surprise * tumour, wanted * tumour) + (1 - hot) * _mean(surprise * healthy, wanted * healthy)
    if hot:
        heat = ops.stop_gradient((1 - ops.exp(likely)) ** 2)
        cells += hot * _mean(surprise * healthy * heat, wanted * healthy * heat, least=_LEAST_HEAT)
    return cells / 2


def _mean(surprise: Any, weights: Any, *, least: float = _LEAST_CELLS) -> Any:
    return ops.sum(surprise, axis=(1, 2)) / ops.maximum(ops.sum(weights, axis=(1, 2)), least)


def _flat(maps: Any) -> Any:
    """(N, g, g, classes) -> (N, g * g, classes)."""
    return ops.reshape(maps, (ops.shape(maps)[0], -1, maps.shape[-1]))


def _tumours(labels: Any) -> Any:
    """(classes,): 1 for a tumour's channel, 0 for the healthy one."""
    return 1 - ops.one_hot(HEALTHY, labels.shape[-1], dtype=labels.dtype)
