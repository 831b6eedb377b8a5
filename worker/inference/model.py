"""The loaded network, ready to answer. The only module of the service that imports TensorFlow.

The network is traced once with a free batch dimension, so that a last, smaller batch costs no new trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from shared.domain import TumorClass
from shared.errors import InvalidBundle
from worker.inference import network
from worker.inference.bundle import Bundle, read_bundle


class Model:
    """A bundle with its network in memory; `infer` may be called from several threads."""

    def __init__(self, bundle: Bundle, net: Any) -> None:
        self.bundle = bundle
        self.network = net
        signature = tf.TensorSpec((None, bundle.size_px, bundle.size_px, 1), tf.float32)
        self._forward = tf.function(lambda pixels: net(pixels, training=False), input_signature=[signature])

    @property
    def name(self) -> str:
        """The bundle's name, stored with every result."""
        return self.bundle.name

    @property
    def size_px(self) -> int:
        """Side of the square that the network sees."""
        return self.bundle.size_px

    @property
    def temperature(self) -> float:
        """Divides the logits, so that probabilities mean what they say (Guo et al. 2017)."""
        return self.bundle.temperature

    @property
    def review_below(self) -> float:
        """Confidence under which a person should look."""
        return self.bundle.review_below

    @property
    def description(self) -> Mapping[str, Any]:
        """The whole of bundle.json."""
        return self.bundle.description

    def infer(self, batch: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """One forward pass.

        `batch`: float32 (N, S, S, 1) in [0, 1], N >= 1. Returns logits float32 (N, 4) and class maps float32
        (N, g, g, 4); logits are the maps' means plus a bias, classes in the order of `TumorClass`.
        """
        logits, class_maps = self._forward(tf.constant(batch))
        return np.asarray(logits), np.asarray(class_maps)

    def warm_up(self) -> None:
        """Trace and run once, so that the first scan does not pay for it."""
        self.infer(np.zeros((1, self.size_px, self.size_px, 1), np.float32))


def load_model(bundle_dir: Path) -> Model:
    """Load a bundle, executing no code of its own (Keras safe mode).

    Raises InvalidBundle where files are missing, altered, or not a network of this shape.
    """
    bundle = read_bundle(bundle_dir)
    try:
        net = keras.saving.load_model(bundle.weights, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InvalidBundle(f"{bundle.weights} cannot be loaded: {error}") from error
    _check_shapes(bundle, net)
    return Model(bundle, net)


def _check_shapes(bundle: Bundle, net: Any) -> None:
    expected = (None, bundle.size_px, bundle.size_px, 1)
    outputs = net.output_shape if isinstance(net.output_shape, list) else []
    right = (
        net.input_shape == expected
        and len(outputs) == 2
        and outputs[0] == (None, len(TumorClass))
        and len(outputs[1]) == 4
        and outputs[1][3] == len(TumorClass)
        and any(layer.name == network.CLASS_MAPS for layer in net.layers)
    )
    if not right:
        raise InvalidBundle(f"{bundle.weights}: not a network from {expected} to logits and class maps")
