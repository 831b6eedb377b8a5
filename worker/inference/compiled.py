"""The network as this processor runs it fastest: its weights made constants, and multiplied in bfloat16 where it can.

With constant weights TensorFlow folds batch normalisation into the convolutions. bfloat16 has float32's range and an
eighth of a per cent of precision; sums are still made in float32. Processors that multiply it natively (AVX-512 BF16,
AMX) take a third of the time for it, others longer. docs/performance.md has what it changes of the results.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import numpy.typing as npt

from worker.inference.precision import Precision, uses_bfloat16

Floats = npt.NDArray[np.float32]
Forward = Callable[[Floats], list[Floats]]

_REWRITE = "auto_mixed_precision_onednn_bfloat16"


def compile_network(net: keras.Model, *, size_px: int, precision: Precision = Precision.FLOAT32) -> Forward:
    """A function from float32 (N, S, S, 1) to the network's outputs, for any N >= 1; it has run once.

    Under another Keras backend than TensorFlow, where networks are trained on accelerators, Keras compiles it itself
    and `precision` is without meaning.
    """
    if keras.backend.backend() != "tensorflow":
        predict: Forward = net.predict_on_batch
        return predict
    import tensorflow as tf  # only under its own backend
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    # Traced with a free batch dimension, so that a last, smaller batch costs no new trace.
    signature = tf.TensorSpec((None, size_px, size_px, 1), tf.float32)
    traced = tf.function(lambda pixels: net(pixels, training=False), input_signature=[signature])
    frozen = convert_variables_to_constants_v2(traced.get_concrete_function())

    bfloat16 = uses_bfloat16(precision)

    def forward(batch: Floats) -> list[Floats]:
        # The option is the process's and read at each call, so each network asks for its own.
        if tf.config.optimizer.get_experimental_options().get(_REWRITE, False) != bfloat16:
            tf.config.optimizer.set_experimental_options({_REWRITE: bfloat16})
        return [np.asarray(output) for output in frozen(tf.constant(batch))]

    forward(np.zeros((1, size_px, size_px, 1), np.float32))
    return forward


def use_threads(count: int) -> None:
    """Let the network's operations and OpenCV's take that many threads; to be called before anything has run."""
    import cv2

    cv2.setNumThreads(count)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(count)
        tf.config.threading.set_inter_op_parallelism_threads(1)
