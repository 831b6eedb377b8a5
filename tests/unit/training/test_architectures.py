from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.unit.training.test_fit import CONFIG
from training.architectures import build, build_mobilenetv2, load_imagenet
from worker.inference.network import LogMeanExp

IMAGENET = Path("weights") / "mobilenetv2-imagenet-folded.npz"


@pytest.mark.parametrize(("architecture", "grid"), [("pyramid", 8), ("peaks", 8), ("plain", 4), ("mobilenetv2", 2)])
def test_every_network_gives_logits_that_its_maps_explain(architecture: str, grid: int) -> None:
    network = build(replace(CONFIG, architecture=architecture, small_px=32), size_px=64)
    logits, maps = network.predict_on_batch(np.random.default_rng(0).random((2, 64, 64, 1), np.float32))
    assert logits.shape == (2, 4)
    assert maps.shape == (2, grid, grid, 4)
    pooled = np.log(np.exp(maps).mean(axis=(1, 2))) if architecture == "peaks" else maps.mean(axis=(1, 2))
    bias = logits - pooled
    assert np.abs(bias - bias[0]).max() < 1e-4


def test_a_small_peak_speaks_louder_than_its_share() -> None:
    maps = np.zeros((1, 20, 20, 4), np.float32)
    maps[0, 3, 4, 1] = 12
    (said,) = np.asarray(LogMeanExp()(maps))
    assert said[1] == pytest.approx(np.log((399 + np.exp(12)) / 400), rel=1e-5)
    assert said[[0, 2, 3]] == pytest.approx(0, abs=1e-5)


def test_an_unknown_network_is_told() -> None:
    with pytest.raises(ValueError, match="resnet"):
        build(replace(CONFIG, architecture="resnet"), size_px=64)


@pytest.mark.parametrize(
    ("architecture", "size_px", "small_px", "told"),
    [
        ("mobilenetv2", 144, 128, "size_px = 144: mobilenetv2 takes multiples of 32"),
        ("mobilenetv2", 160, 112, "small_px = 112"),
        ("peaks", 152, 112, "multiples of 16"),
    ],
)
def test_sides_that_the_strides_do_not_divide_are_told(
    architecture: str, size_px: int, small_px: int, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        build(replace(CONFIG, architecture=architecture, size_px=size_px, small_px=small_px), size_px=None)


def test_imagenet_weights_mean_the_same_in_training_as_in_serving(datasets: Path) -> None:
    keras.utils.set_random_seed(0)
    network = build_mobilenetv2(size_px=96)
    pixels = np.random.default_rng(0).random((16, 96, 96, 1), np.float32)
    load_imagenet(network, datasets / IMAGENET, pixels=pixels)
    serving, training = network(pixels, training=False)[1], network(pixels, training=True)[1]
    assert np.asarray(serving).std() > 0.1
    np.testing.assert_allclose(serving, training, atol=0.05)
