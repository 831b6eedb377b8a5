"""The network: a small residual CNN that looks twice, finely and from afar, and whose head explains itself.

Its last layer is a 1 x 1 convolution that gives one map per class; a logit is the mean of its map, or a mean that
leans to the map's peaks, plus a bias. Either makes Grad-CAM exact in closed form: see `worker.inference.gradcam`. Plain
Keras 3 layers, so the same definition trains under any of its backends.
"""

from __future__ import annotations

from typing import Any

import keras

CLASS_MAPS = "class_maps"
FEATURES = "features"
POOLED = "mean"  # whichever mean it is


@keras.saving.register_keras_serializable(package="neurobatch")
class Bias(keras.layers.Layer):  # type: ignore[misc]
    """Adds one trained number per channel to (N, C)."""

    def build(self, input_shape: Any) -> None:
        """Make the weight once the number of channels is known."""
        self.bias = self.add_weight(name="bias", shape=(input_shape[-1],), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        """(N, C) -> (N, C)."""
        return inputs + self.bias


@keras.saving.register_keras_serializable(package="neurobatch")
class LogMeanExp(keras.layers.Layer):  # type: ignore[misc]
    """log(mean(exp(map))) of (N, H, W, C) over the map: its mean where it is flat, nearly its peak where it has one.

    A small tumour then speaks for its class as loudly as a large one (Pinheiro & Collobert 2015). Its gradient by the
    map is the softmax over the map, which sums to 1 as the mean's does.
    """

    def call(self, inputs: Any) -> Any:
        """(N, H, W, C) -> (N, C)."""
        shape = keras.ops.shape(inputs)
        cells = keras.ops.cast(shape[1] * shape[2], inputs.dtype)
        return keras.ops.logsumexp(inputs, axis=(1, 2)) - keras.ops.log(cells)


def build_network(*, size_px: int | None, width: int, classes: int = 4, peaks: bool = False) -> keras.Model:
    """A fresh network from (N, S, S, 1) in [0, 1] to [logits (N, classes), class maps (N, g, g, classes)].

    S is `size_px`, or any multiple of 16 where that is None; `peaks`: logits lean to the peaks of the maps.

    A stem (stride 2) and residual stages of 2 and 4 times `width` come down to stride 8. Two more at stride 16, of
    6 times `width`, see most of the head at once; what they found is laid back over the finer maps, and a last stage
    reads both. So g = S / 8, and small tumours keep a cell of their own that knows where in the head it
    lies. He et al. 2016 (residual blocks), Lin et al. 2017 (feature pyramids).
    """
    inputs = keras.Input((size_px, size_px, 1), name="pixels")
    x = keras.layers.ReLU()(convolve(inputs, width, stride=2))
    fine = _residual(_residual(x, 2 * width, stride=2), 4 * width, stride=2)
    coarse = _residual(_residual(fine, 6 * width, stride=2), 6 * width, stride=1)
    x = _residual(_lay_over(fine, coarse), 4 * width, stride=1)
    return keras.Model(inputs, explaining_head(x, classes=classes, peaks=peaks), name="pyramid_cnn")


def explaining_head(features: Any, *, classes: int, peaks: bool = False) -> list[Any]:
    """The last layers of every network: features (N, g, g, C) -> [logits (N, classes), maps (N, g, g, classes)]."""
    features = keras.layers.Activation("linear", name=FEATURES)(features)
    maps = keras.layers.Conv2D(classes, 1, use_bias=False, name=CLASS_MAPS)(features)
    pooling = LogMeanExp(name=POOLED) if peaks else keras.layers.GlobalAveragePooling2D(name=POOLED)
    logits = Bias(name="logits")(pooling(maps))
    return [logits, maps]


def convolve(x: Any, filters: int, *, stride: int = 1, kernel: int = 3) -> Any:
    """Convolution and batch normalisation: (N, H, W, C) -> (N, H / stride, W / stride, filters)."""
    x = keras.layers.Conv2D(
        filters, kernel, strides=stride, padding="same", use_bias=False, kernel_initializer="he_normal"
    )(x)
    return keras.layers.BatchNormalization(momentum=0.97, epsilon=1e-3)(x)


def _residual(x: Any, filters: int, *, stride: int) -> Any:
    shortcut = x
    if stride > 1:
        shortcut = keras.layers.AveragePooling2D(stride)(shortcut)
    if x.shape[-1] != filters:
        shortcut = convolve(shortcut, filters, kernel=1)
    inner = keras.layers.ReLU()(convolve(x, filters, stride=stride))
    inner = convolve(inner, filters)
    return keras.layers.ReLU()(keras.layers.Add()([shortcut, inner]))


def _lay_over(fine: Any, coarse: Any) -> Any:
    """(N, H, W, C) and (N, H / 2, W / 2, any) -> (N, H, W, C)."""
    channels = fine.shape[-1]
    enlarged = keras.layers.UpSampling2D(2)(convolve(coarse, channels, kernel=1))
    return keras.layers.ReLU()(keras.layers.Add()([convolve(fine, channels, kernel=1), enlarged]))
