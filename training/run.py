"""One whole training run: train on some folds, measure and calibrate on another, write a bundle."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from training.calibrate import expected_calibration_error, fit_review_threshold, fit_temperature
from training.config import TrainingConfig
from training.data import CLASSES, load_examples, load_index
from training.evaluate import log_probabilities, measure, score
from training.export import export_bundle
from training.fit import Report, fixed_size, train
from worker.inference.model import load_model
from worker.inference.predict import softmax

CALIBRATION_FILE = "calibration.json"


def train_on_folds(
    *,
    config: TrainingConfig,
    datasets: Path,
    folds: Sequence[int],
    run_dir: Path,
    start_from: Path | None = None,
    report: Report = print,
) -> keras.Model:
    """Train on the folds named, in `run_dir`, and return the network at the size it is served at."""
    report(f"reading folds {', '.join(map(str, folds))} of {datasets}")
    examples = load_examples(load_index(datasets, folds=folds), size_px=config.cache_px)
    network = train(examples, config=config, run_dir=run_dir, start_from=start_from, report=report)
    return fixed_size(network, config=config)


def calibrate(net: keras.Model, *, datasets: Path, fold: int, run_dir: Path, report: Report = print) -> dict[str, Any]:
    """Measure on a fold that was not trained on and fit temperature and threshold there.

    Writes `calibration.json` and a calibrated bundle to `run_dir` and returns the former.
    """
    folder = run_dir / "bundle"
    export_bundle(net, folder)
    slices = load_index(datasets, folds=[fold])
    scored = score(load_model(folder), slices, report=report)
    logits = log_probabilities(scored)
    labels = np.array([CLASSES.index(item.label) for item in slices], np.int64)
    temperature = fit_temperature(logits, labels)
    confidences = softmax(logits / temperature).max(axis=1)
    right = np.array([item.right for item in scored])
    result = {
        "fold": fold,
        "temperature": temperature,
        "review_below": fit_review_threshold(confidences, right),
        "expected_calibration_error": round(expected_calibration_error(confidences, right), 4),
        "figures": measure(scored),
    }
    (run_dir / CALIBRATION_FILE).write_text(json.dumps(result, indent=1) + "\n")
    export_calibrated(net, folder, calibration=result, trained_on="see config.json of its run")
    return result


def export_calibrated(net: keras.Model, folder: Path, *, calibration: Mapping[str, Any], trained_on: str) -> None:
    """Write a bundle with the temperature and threshold of `calibration`."""
    export_bundle(
        net,
        folder,
        temperature=calibration["temperature"],
        review_below=calibration["review_below"],
        trained_on=trained_on,
    )
