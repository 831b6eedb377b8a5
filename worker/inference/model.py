"""The loaded network, ready to answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import keras
import numpy as np
import numpy.typing as npt

from shared.domain import TumorClass
from shared.errors import InvalidBundle
from worker.inference import network
from worker.inference.bundle import Bundle, read_bundle
from worker.inference.compiled import compile_network, use_threads
from worker.inference.distance import TrainingFeatures, load_training_features
from worker.inference.gate import Gate, load_gate
from worker.inference.precision import Precision
from worker.inference.types import Inference

Floats = npt.NDArray[np.float32]
Part = TypeVar("Part")


class Model:
    """A bundle with its network in memory; `infer` may be called from several threads."""

    def __init__(
        self,
        bundle: Bundle,
        net: Any,
        *,
        training_features: TrainingFeatures | None,
        gate: Gate | None = None,
        precision: Precision = Precision.FLOAT32,
    ) -> None:
        self.bundle = bundle
        self.network = net
        self.gate = gate
        self._training_features = training_features
        self._forward = compile_network(with_features(net), size_px=bundle.size_px, precision=precision)

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
    def healthy_offset(self) -> float:
        """Added to the logit of "no tumour" then, so that tumours are called healthy seldom enough."""
        return self.bundle.healthy_offset

    @property
    def review_below(self) -> float:
        """Confidence under which a person should look."""
        return self.bundle.review_below

    @property
    def review_beyond(self) -> float:
        """Distance from the training data over which a person should look."""
        return self.bundle.review_beyond

    @property
    def description(self) -> Mapping[str, Any]:
        """The whole of bundle.json."""
        return self.bundle.description

    def infer(self, batch: Floats) -> Inference:
        """One forward pass over float32 (N, S, S, 1) in [0, 1], N >= 1."""
        logits, class_maps, features = self._forward(batch)
        known = self._training_features
        distances = np.zeros(len(batch), np.float32) if known is None else known.distances(features)
        kin = None if self.gate is None else self.gate.kin
        return Inference(logits, class_maps, distances, distances if kin is None else kin.distances(features))

    def features(self, batch: Floats) -> Floats:
        """The mean of the last feature maps, (N, C), of float32 (N, S, S, 1) in [0, 1], N >= 1."""
        return self._forward(batch)[2]


def with_features(net: Any) -> keras.Model:
    """The network with a third output: the mean of its last feature maps, (N, C)."""
    features = net.get_layer(network.FEATURES).output
    mean = keras.layers.GlobalAveragePooling2D(name="mean_features")(features)
    return keras.Model(net.inputs, [*net.outputs, mean])


def load_model(bundle_dir: Path, *, precision: Precision = Precision.FLOAT32, threads: int | None = None) -> Model:
    """Load a bundle, executing no code of its own (Keras safe mode), and run it once, so that no scan pays for that.

    `threads`: how many this process gives to the operations of network and OpenCV, to be said before any has run; None
    leaves it to them.

    Raises InvalidBundle where files are missing, altered, or not a network of this shape.
    """
    bundle = read_bundle(bundle_dir)
    if threads is not None:
        use_threads(threads)
    try:
        net = keras.saving.load_model(bundle.weights, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InvalidBundle(f"{bundle.weights} cannot be loaded: {error}") from error
    _check_shapes(bundle, net)
    return Model(
        bundle,
        net,
        training_features=_read(bundle.training_features, load_training_features),
        gate=_read(bundle.gate, load_gate),
        precision=precision,
    )


def _read(path: Path | None, load: Callable[[Path], Part]) -> Part | None:
    """A part of the bundle, where it has that."""
    if path is None:
        return None
    try:
        return load(path)
    except (OSError, ValueError, KeyError) as error:
        raise InvalidBundle(f"{path} cannot be loaded: {error}") from error


def _check_shapes(bundle: Bundle, net: Any) -> None:
    expected = (None, bundle.size_px, bundle.size_px, 1)
    outputs = net.output_shape if isinstance(net.output_shape, list) else []
    right = (
        net.input_shape == expected
        and len(outputs) == 2
        and outputs[0] == (None, len(TumorClass))
        and len(outputs[1]) == 4
        and outputs[1][3] == len(TumorClass)
        and {network.CLASS_MAPS, network.FEATURES} <= {layer.name for layer in net.layers}
    )
    if not right:
        raise InvalidBundle(f"{bundle.weights}: not a network from {expected} to logits and class maps")
