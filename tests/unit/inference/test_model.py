"""A bundle is loaded only as it was written."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.errors import InvalidBundle
from worker.inference.model import Model, load_model


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bundle, tmp_path / "copy"))


def change(bundle: Path, **values: Any) -> None:
    path = bundle / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_logits_are_the_means_of_the_class_maps_plus_a_bias(tiny_model: Model) -> None:
    batch = np.random.default_rng(0).random((3, 64, 64, 1), np.float32)
    logits, class_maps = tiny_model.infer(batch)[:2]
    assert logits.shape == (3, 4)
    assert class_maps.shape == (3, 8, 8, 4)
    bias = logits - class_maps.mean(axis=(1, 2))
    assert np.abs(bias - bias[0]).max() < 1e-4


def test_a_scan_scores_the_same_alone_and_in_a_batch(tiny_model: Model) -> None:
    batch = np.random.default_rng(0).random((5, 64, 64, 1), np.float32)
    together, alone = tiny_model.infer(batch), tiny_model.infer(batch[2:3])
    for one, many in zip(alone, together, strict=True):
        np.testing.assert_allclose(one[0], many[2], atol=1e-4)


@pytest.mark.parametrize("name", ["weights.keras", "features.npz"])
def test_altered_files_are_refused(bundle: Path, name: str) -> None:
    weights = bundle / name
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    with pytest.raises(InvalidBundle, match="not the file"):
        load_model(bundle)


@pytest.mark.parametrize("missing", ["weights.keras", "features.npz", "bundle.json"])
def test_a_missing_file_is_told(bundle: Path, missing: str) -> None:
    (bundle / missing).unlink()
    with pytest.raises(InvalidBundle, match=missing):
        load_model(bundle)


@pytest.mark.parametrize(
    "values",
    [
        {"classes": ["notumor", "glioma", "meningioma", "pituitary"]},
        {"temperature": 0},
        {"temperature": None},
        {"healthy_offset": 0.5},
        {"healthy_offset": float("nan")},
        {"input": {"size_px": 128, "channels": 1}},
        {"input": {"size_px": 64, "channels": 3}},
        {"input": {}},
    ],
)
def test_a_description_that_does_not_fit_is_refused(bundle: Path, values: dict[str, Any]) -> None:
    change(bundle, **values)
    with pytest.raises(InvalidBundle):
        load_model(bundle)
