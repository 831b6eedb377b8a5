"""The closed form is Grad-CAM: held against automatic differentiation, and finite for any maps."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from shared.domain import TumorClass
from shared.settings import Settings
from tests.unit.inference.phantoms import draw_head
from training.export import export_untrained
from worker.inference.gradcam import heatmap
from worker.inference.model import Model, load_model
from worker.inference.network import CLASS_MAPS, FEATURES, POOLED
from worker.inference.preprocess import prepare

SHIPPED = Settings().model_dir


def grad_cam(net: Any, pixels: npt.NDArray[np.float32], label: TumorClass) -> npt.NDArray[np.float32]:
    """Grad-CAM as published: gradients of the logit by the last feature maps, averaged, weigh those maps."""
    both = keras.Model(net.input, [net.get_layer(FEATURES).output, *net.output])
    with tf.GradientTape() as tape:
        features, logits, _ = both(pixels[None, :, :, None], training=False)
        # The logits are taken again from the features, through the layers that follow them.
        tape.watch(features)
        maps = net.get_layer(CLASS_MAPS)(features)
        again = net.get_layer("logits")(net.get_layer(POOLED)(maps))
        wanted = again[0, list(TumorClass).index(label)]
    np.testing.assert_allclose(again, logits, atol=1e-4)
    weights = tf.reduce_mean(tape.gradient(wanted, features), axis=(1, 2))
    cam = np.maximum(np.einsum("hwk,k->hw", features[0].numpy(), weights[0].numpy()), 0)
    return cam / cam.max() if cam.max() > 0 else cam


@pytest.fixture
def peaky_model(tmp_path: Path) -> Model:
    export_untrained(tmp_path / "peaks", size_px=64, width=6, peaks=True)
    return load_model(tmp_path / "peaks")


@pytest.mark.parametrize("label", list(TumorClass))
@pytest.mark.parametrize("which", ["shipped", "random", "peaks"])
def test_closed_form_is_grad_cam(which: str, label: TumorClass, tiny_model: Model, peaky_model: Model) -> None:
    model = {"shipped": load_model(SHIPPED), "random": tiny_model, "peaks": peaky_model}[which]
    pixels = prepare(draw_head(tumour=(150, 110)), size_px=model.size_px).pixels
    class_maps = model.infer(pixels[None, :, :, None]).class_maps
    assert np.abs(heatmap(class_maps[0], label) - grad_cam(model.network, pixels, label)).max() <= 1e-4


@given(arrays.arrays(np.float32, (5, 5, 4), elements=st.floats(width=32)), st.sampled_from(list(TumorClass)))
def test_a_heatmap_is_finite_and_between_zero_and_one(class_maps: npt.NDArray[np.float32], label: TumorClass) -> None:
    heat = heatmap(class_maps, label)
    assert heat.dtype == np.float32
    assert np.isfinite(heat).all()
    assert heat.min() >= 0
    assert heat.max() in (0, 1)


def test_no_evidence_gives_zeros() -> None:
    assert not heatmap(np.full((4, 4, 4), -1, np.float32), TumorClass.GLIOMA).any()
