"""Puts an evaluation into a bundle: the JSON, the table it came from, the bundle's metrics, card and pictures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.evaluation.report import EVALUATION_FILE, headline, write_document
from training.evaluation.scores import SCORES_FILE
from training.publication.card import PLOTS, WEIGHTS, write_card
from training.publication.plots.all import draw_evaluation
from worker.inference.bundle import DESCRIPTION_FILE


def with_recorded_sections(evaluation: dict[str, Any], folder: Path) -> dict[str, Any]:
    """`evaluation` and, of the same weights' last one, the sections that it lacks: they took their own measuring."""
    path = folder / EVALUATION_FILE
    recorded = json.loads(path.read_text()) if path.is_file() else {}
    if recorded.get(WEIGHTS, weights := _weights_of(folder)) != weights:
        recorded = {}
    kept = {name: section for name, section in recorded.items() if name not in evaluation}
    return evaluation | kept | {WEIGHTS: weights}


def _weights_of(folder: Path) -> str:
    return str(json.loads((folder / DESCRIPTION_FILE).read_text())["sha256"])


def record(evaluation: Mapping[str, Any], folder: Path, *, scores: Path | None = None) -> None:
    """Write everything of `evaluation` that the bundle in `folder` shows; of a cross-validation its calibration too."""
    described = folder / DESCRIPTION_FILE
    description = json.loads(described.read_text())
    if "by_fold" in evaluation["calibration"]:
        description = _calibrated(description, evaluation["calibration"]["bundle"])
    described.write_text(json.dumps(description | {"metrics": headline(evaluation)}, indent=2) + "\n")
    if scores is not None and scores.resolve() != (folder / SCORES_FILE).resolve():
        shutil.copyfile(scores, folder / SCORES_FILE)
    write_document(folder / EVALUATION_FILE, evaluation)
    draw_evaluation(evaluation, folder / PLOTS)
    write_card(folder)


def _calibrated(description: Mapping[str, Any], fitted: Mapping[str, float]) -> dict[str, Any]:
    """A bundle's description with what was fitted on the scores of every fold."""
    calibrated = {**description, **{name: fitted[name] for name in ("temperature", "healthy_offset", "review_below")}}
    if "distance" in description:
        calibrated["distance"] = description["distance"] | {"review_beyond": fitted["review_beyond"]}
    return calibrated
