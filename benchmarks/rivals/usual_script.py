"""The usual Keras script: scan by scan `model.predict`, Grad-CAM with a GradientTape, matplotlib, a CSV file.

Grad-CAM is written after Keras' own example ("Grad-CAM class activation visualization", keras.io), on the last feature
maps; the overlay is `imshow` twice and `savefig`, at the scan's size and without axes. Most scripts lack calibrated
probabilities; our preprocessing is called because the network needs it. TensorFlow may use all cores.

`python -m benchmarks.rivals.usual_script MODEL_DIR RESULTS` reads paths from its input, one a line, and writes the
`seconds` that they took, once it is warm, as JSON; its results lie in the new folder RESULTS.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import keras
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from benchmarks.rivals.results import CLASSES, Row, row_of
from worker.inference.network import FEATURES
from worker.inference.preprocess import prepare

_DPI = 100
_WARM_UP = 3

Floats = npt.NDArray[np.float32]


class Script:
    """The loaded network and what the script writes."""

    def __init__(self, model_dir: Path) -> None:
        mpl.use("Agg")
        description = json.loads((model_dir / "bundle.json").read_text())
        self._temperature = description["temperature"]
        self._added = np.array([0, 0, 0, description.get("healthy_offset", 0)], np.float32)
        self._size_px = description["input"]["size_px"]
        self._model = keras.models.load_model(model_dir / "weights.keras", compile=False)
        last_features = self._model.get_layer(FEATURES).output
        self._grad_model = keras.Model(self._model.input, [last_features, self._model.outputs[0]])

    def run(self, scans: Sequence[Path], folder: Path) -> None:
        """Everything for every scan; `results.csv` and the files in `folder`."""
        folder.mkdir(parents=True)
        with (folder / "results.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(Row._fields)
            for scan in scans:
                rows.writerow(self._process(scan, folder))

    def _process(self, scan: Path, folder: Path) -> Row:
        image = np.asarray(cv2.imread(str(scan), cv2.IMREAD_GRAYSCALE), np.uint8)
        prepared = prepare(image, size_px=self._size_px)
        pixels = prepared.pixels[None, ..., None]
        logits = self._model.predict(pixels, verbose=0)[0][0]
        probabilities = tf.nn.softmax(logits / self._temperature + self._added).numpy()
        best = int(np.argmax(probabilities))
        heat = self._grad_cam(pixels, best)
        frame = prepared.frame
        left, top = frame.x, frame.y
        overlay, raw_map = folder / f"{scan.stem}.png", folder / f"{scan.stem}.npy"
        np.save(raw_map, heat)
        _draw(image, heat, extent=(left, left + frame.side, top + frame.side, top), path=overlay)
        shares = dict(zip(CLASSES, map(float, probabilities), strict=True))
        return row_of(scan.name, {"label": CLASSES[best], **shares, "overlay": str(overlay), "map": str(raw_map)})

    def _grad_cam(self, pixels: Floats, best: int) -> Floats:
        """(1, S, S, 1) -> (g, g) in [0, 1]."""
        with tf.GradientTape() as tape:
            features, logits = self._grad_model(pixels)
            score = logits[:, best]
        weights = tf.reduce_mean(tape.gradient(score, features), axis=(0, 1, 2))
        heat = tf.nn.relu(tf.reduce_sum(features[0] * weights, axis=-1))
        peak = tf.reduce_max(heat)
        return np.asarray(heat / peak if peak > 0 else heat, np.float32)


def _draw(image: npt.NDArray[np.uint8], heat: Floats, *, extent: tuple[float, ...], path: Path) -> None:
    height, width = image.shape
    figure: Any = plt.figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    axes.imshow(image, cmap="gray")
    axes.imshow(heat, cmap="jet", alpha=0.4, extent=extent, interpolation="bilinear")
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    figure.savefig(path)
    plt.close(figure)


def main() -> None:
    """As the module's docstring says."""
    model_dir, results = map(Path, sys.argv[1:])
    scans = [Path(line) for line in sys.stdin.read().splitlines()]
    script = Script(model_dir)
    script.run(scans[:_WARM_UP], results / "warm-up")
    started = time.perf_counter()
    script.run(scans, results / "timed")
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
