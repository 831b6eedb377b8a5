import keras
import pytest
import tensorflow as tf

from training.costs.macs import count_macs
from worker.inference.network import build_network


def test_a_convolution_costs_its_kernel_at_every_place_of_its_output() -> None:
    inputs = keras.Input((10, 8, 3))
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same")(inputs)  # 5 x 4 places x (3 x 3 x 3 x 6)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Conv2D(4, 3, groups=2)(x)  # 3 x 2 places x (3 x 3 x 3 x 4)
    x = keras.layers.DepthwiseConv2D(2, depth_multiplier=2)(x)  # 2 x 1 places x (2 x 2 x 4 x 2)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(5)(x)  # 8 x 5
    assert count_macs(keras.Model(inputs, x)) == 20 * 162 + 6 * 108 + 2 * 32 + 40


def test_a_network_inside_a_network_counts() -> None:
    inner = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(2, 1)])
    outer = keras.Sequential([keras.Input((4, 4, 1)), inner, keras.layers.Flatten(), keras.layers.Dense(3)])
    assert count_macs(outer) == 16 * 2 + 32 * 3


def test_tensorflows_profiler_counts_twice_as_many_operations() -> None:
    network = build_network(size_px=64, width=6)
    signature = [tf.TensorSpec((1, 64, 64, 1), tf.float32)]
    served = tf.function(lambda pixels: network(pixels, training=False), input_signature=signature)
    options = {**tf.compat.v1.profiler.ProfileOptionBuilder.float_operation(), "output": "none"}
    profile = tf.compat.v1.profiler.profile(served.get_concrete_function().graph, cmd="op", options=options)
    (convolutions,) = profile.children
    assert convolutions.name == "Conv2D"
    assert convolutions.float_ops == 2 * count_macs(network)  # a multiplication and an addition


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(ValueError, match="no fixed size"):
        count_macs(build_network(size_px=None, width=6))
    inputs = keras.Input((8, 8, 2))
    with pytest.raises(ValueError, match="SeparableConv2D"):
        count_macs(keras.Model(inputs, keras.layers.SeparableConv2D(3, 3)(inputs)))
