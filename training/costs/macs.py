"""How many multiply-accumulates one scan costs: a figure of the network alone, the same on every machine."""

from __future__ import annotations

import math

import keras

_COUNTED = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)


def count_macs(network: keras.Model) -> int:
    """Multiply-accumulates of one scan at the network's own input size.

    Convolutions and dense layers, as is usual; biases, normalisation, pooling and activations are left out. Raises
    ValueError for a layer with a matrix of weights that is none of these, or whose size is not fixed.
    """
    return sum(_of_layer(layer) for layer in network.layers)


def _of_layer(layer: keras.layers.Layer) -> int:
    if isinstance(layer, keras.Model):
        return count_macs(layer)
    if type(layer) in _COUNTED:
        # Every place of the output costs the whole kernel once: (kh, kw, in / groups, out), (kh, kw, in, times)
        # of a depthwise one, (in, out) of a dense one.
        places = layer.output.shape[1:-1]
        if None in places:
            raise ValueError(f"layer {layer.name}: its output {layer.output.shape} has no fixed size")
        return int(math.prod(places) * math.prod(layer.kernel.shape))
    if any(len(weight.shape) > 1 for weight in layer.weights):
        raise ValueError(f"layer {layer.name}: the operations of a {type(layer).__name__} are not counted here")
    return 0
