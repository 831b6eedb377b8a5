"""The networks that are compared: ours, a plain one without its ideas, and MobileNetV2 with ImageNet weights.

All end in the same head, so that logits, Grad-CAM, calibration and bundles work alike for each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from training.config import TrainingConfig
from worker.inference.network import build_network, convolve, explaining_head

_BACKBONE = "backbone"
_FOLDED_EPSILON = 1e-3  # of MobileNetV2's batch normalisation


def build(config: TrainingConfig, *, size_px: int | None) -> keras.Model:
    """The fresh network that `config` names, for (N, size_px, size_px, 1) or for any size.

    Raises ValueError for one that is not known, or sizes that its strides do not divide.
    """
    try:
        builder, divisor = _BUILDERS[config.architecture]
    except KeyError:
        known = ", ".join(_BUILDERS)
        raise ValueError(f"architecture {config.architecture!r} is none of {known}") from None
    for name, side in (("size_px", config.size_px), ("small_px", config.small_px)):
        if side % divisor:
            raise ValueError(f"{name} = {side}: {config.architecture} takes multiples of {divisor} px")
    return builder(size_px=size_px, width=config.width)


def build_plain(*, size_px: int | None, width: int, classes: int = 4) -> keras.Model:
    """Ours without its ideas: as many convolutions one after the other, no shortcuts; stride 16, as is common.

    (N, S, S, 1) in [0, 1] -> [logits (N, classes), class maps (N, S / 16, S / 16, classes)].
    """
    inputs = keras.Input((size_px, size_px, 1), name="pixels")
    x = keras.layers.ReLU()(convolve(inputs, 2 * width // 3, stride=2))
    for stage_width in (2 * width, 4 * width, 8 * width):
        x = keras.layers.ReLU()(convolve(x, stage_width, stride=2))
        x = keras.layers.ReLU()(convolve(x, stage_width))
    return keras.Model(inputs, explaining_head(x, classes=classes), name="plain_cnn")


def build_mobilenetv2(*, size_px: int | None, width: int = 0, classes: int = 4) -> keras.Model:
    """MobileNetV2 (Sandler et al. 2018, alpha 1.0) without its top, random weights; `width` is ignored.

    (N, S, S, 1) in [0, 1] -> [logits (N, classes), class maps (N, ceil(S / 32), ceil(S / 32), classes)].
    """
    inputs = keras.Input((size_px, size_px, 1), name="pixels")
    colour = keras.layers.Concatenate()([inputs, inputs, inputs])
    scaled = keras.layers.Rescaling(2.0, offset=-1.0)(colour)
    backbone = keras.applications.MobileNetV2(
        input_tensor=scaled, include_top=False, weights=None, alpha=1.0, name=_BACKBONE
    )
    return keras.Model(inputs, explaining_head(backbone.output, classes=classes), name="mobilenetv2")


def load_imagenet(network: keras.Model, weights: Path, *, pixels: npt.NDArray[np.float32]) -> None:
    """Put folded ImageNet weights into `build_mobilenetv2`'s network, ready to be trained on.

    `weights`: .npz of `NN.kernel`, `NN.bias` for the 52 convolutions in layer order, batch normalisation folded
    in. Training normalises by each batch, so every normalisation is given the mean and variance that `pixels`
    (N, S, S, 1) have there, and the scale and offset that undo them: the function stays what it was.
    """
    pairs = _convolutions_with_norms(network)
    with np.load(weights, allow_pickle=False) as folded:
        for place, (convolution, norm) in enumerate(pairs):
            convolution.set_weights([folded[f"{place:02}.kernel"]])
            bias = folded[f"{place:02}.bias"]
            norm.set_weights([np.ones_like(bias), bias, np.zeros_like(bias), np.full_like(bias, 1 - _FOLDED_EPSILON)])
    before_norms = keras.Model(network.inputs, [convolution.output for convolution, _ in pairs])
    for (_, norm), values in zip(pairs, before_norms.predict_on_batch(pixels), strict=True):
        mean, variance = values.mean(axis=(0, 1, 2)), values.var(axis=(0, 1, 2))
        bias = norm.get_weights()[1]
        norm.set_weights([np.sqrt(variance + _FOLDED_EPSILON), mean + bias, mean, variance])


def _convolutions_with_norms(network: keras.Model) -> list[tuple[Any, Any]]:
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    convolutions = [layer for layer in network.layers if isinstance(layer, kinds)][: len(norms)]
    return list(zip(convolutions, norms, strict=True))


# Each with what sides must be multiples of: all its strides.
_BUILDERS: dict[str, tuple[Callable[..., keras.Model], int]] = {
    "pyramid": (build_network, 16),
    "peaks": (partial(build_network, peaks=True), 16),
    "plain": (build_plain, 16),
    "mobilenetv2": (build_mobilenetv2, 32),
}
