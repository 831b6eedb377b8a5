"""The two terms that the network is trained on: the right class, and looking at the right place."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

_LEAST_SHARE = 1e-6


@keras.saving.register_keras_serializable(package="neurobatch")
class OutsideOutline(keras.losses.Loss):  # type: ignore[misc]
    """-log of the share of softmax(class map of the true class) that lies inside the tumour's outline.

    `y_true`: (N, g, g, classes), in the true class's channel how much of each cell the outline covers, 0 to 1,
    and zeros where no outline is known: such a scan adds nothing. `y_pred`: class maps of the same shape.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """(N, g, g, classes) twice -> (N,)."""
        batch, classes = ops.shape(y_pred)[0], y_pred.shape[-1]
        wanted = ops.reshape(y_true, (batch, -1, classes))
        looking = ops.softmax(ops.reshape(y_pred, (batch, -1, classes)), axis=1)
        share = ops.sum(wanted * looking, axis=(1, 2))
        known = ops.cast(ops.max(wanted, axis=(1, 2)) > 0, share.dtype)
        return -ops.log(ops.clip(share, _LEAST_SHARE, 1.0)) * known
