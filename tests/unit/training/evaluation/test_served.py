from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from shared.domain import CLASSES, HEALTHY
from tests.unit.training.slices import drawn_slice
from tests.unit.training.synthetic import honest_scores, said
from training.evaluation.calibrate import Calibration
from training.evaluation.outcomes import outcomes_of
from training.evaluation.served import served_figures, turned_away
from training.export import export_untrained
from worker.inference.model import load_model

DOUBTS_THE_FAR = Calibration(temperature=1.0, healthy_offset=0.0, review_below=0.0, review_beyond=1.0)
GLIOMA = 0


def test_whom_the_gate_turns_away_is_neither_right_nor_in_review() -> None:
    scores = [replace(score, label=CLASSES[GLIOMA], fold=0, distance=0.5) for score in honest_scores(8, slices=1)]
    told = [said(score, GLIOMA) for score in scores[:4]] + [said(score, HEALTHY) for score in scores[4:]]
    told[4:6] = [replace(score, distance=2.0) for score in told[4:6]]
    rejected = np.array([True, False, False, False, True, False, True, False])
    figures = served_figures(outcomes_of(told, {0: DOUBTS_THE_FAR}), rejected)
    assert {name: rate["value"] for name, rate in figures.items()} == {
        "rejected": 3 / 8,
        "right": 3 / 8,
        "right_or_in_review": 4 / 8,
        "tumour_called_healthy_without_review": 1 / 8,
    }
    assert all(rate["n"] == 8 and rate["interval"] for rate in figures.values())


def test_what_is_served_goes_through_the_gate(tmp_path: Path) -> None:
    export_untrained(tmp_path / "bundle", size_px=64, width=6)
    slices = [drawn_slice(tmp_path, name, image_format="PNG") for name in ("a", "photo", "b")]
    coloured = np.random.default_rng(0).integers(0, 256, (240, 256, 3), np.uint8)
    cv2.imwrite(str(slices[1].path), coloured)
    files = [item.path.read_bytes() for item in slices]
    assert list(turned_away(load_model(tmp_path / "bundle"), files)) == [False, True, False]
