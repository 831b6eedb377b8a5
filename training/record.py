"""Puts an evaluation into a bundle: the JSON, the table it came from, the bundle's metrics, card and pictures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.card import IMAGES, write_card
from training.plots.all import draw_evaluation
from training.report import EVALUATION_FILE, headline, write_document
from worker.inference.bundle import DESCRIPTION_FILE

SCORES_FILE = "scores.csv"
_CLOSE = 0.01  # calibration of bundle and evaluation; scores are rounded in their table


def with_recorded_sections(evaluation: dict[str, Any], folder: Path) -> dict[str, Any]:
    """`evaluation` and, of the bundle's last one, the sections that it lacks: they took their own measuring."""
    path = folder / EVALUATION_FILE
    recorded = json.loads(path.read_text()) if path.is_file() else {}
    return evaluation | {name: section for name, section in recorded.items() if name not in evaluation}


def record(evaluation: Mapping[str, Any], folder: Path, *, scores: Path | None = None, images: Path = IMAGES) -> None:
    """Write everything of `evaluation` that the bundle in `folder` shows.

    Raises ValueError where the bundle is calibrated otherwise than the evaluation says.
    """
    described = folder / DESCRIPTION_FILE
    description = json.loads(described.read_text())
    for name in ("temperature", "review_below"):
        served, measured = description[name], evaluation["calibration"]["bundle"][name]
        if abs(served - measured) > _CLOSE * measured:
            raise ValueError(f"{folder} serves with {name} {served}, the evaluation says {measured}")
    if scores is not None and scores.resolve() != (folder / SCORES_FILE).resolve():
        shutil.copyfile(scores, folder / SCORES_FILE)
    write_document(folder / EVALUATION_FILE, evaluation)
    described.write_text(json.dumps(description | {"metrics": headline(evaluation)}, indent=2) + "\n")
    draw_evaluation(evaluation, images / description["name"])
    write_card(folder, images=images)
