"""The number format of convolutions while a network is trained on a CPU.

Where the processor multiplies bfloat16 matrices (AVX-512 BF16, AMX), training is half as fast again. Weights, their
averages and all that is saved stay float32, and so does serving.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras

PRECISIONS = ("float32", "bfloat16")
_OPTION = "auto_mixed_precision_onednn_bfloat16"


@contextmanager
def convolutions_in(precision: str) -> Iterator[None]:
    """Graphs made inside compute convolutions in `precision`; other backends than TensorFlow choose for themselves.

    Raises ValueError for a precision that is none of PRECISIONS.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r} is none of {', '.join(PRECISIONS)}")
    if precision == "float32" or keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf  # only under its own backend

    tf.config.optimizer.set_experimental_options({_OPTION: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({_OPTION: False})
