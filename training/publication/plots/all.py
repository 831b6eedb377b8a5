"""Draws every picture that an evaluation has the figures for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from training.publication.plots.calibration import draw_reliability, draw_risk_coverage
from training.publication.plots.classification import draw_confusion, draw_rates_by_group, draw_roc
from training.publication.plots.heatmaps import draw_heatmaps
from training.publication.plots.learning import draw_learning
from training.publication.plots.style import save

_PICTURES = {
    "training": (draw_learning, (9.0, 3.4)),
    "confusion": (draw_confusion, (5.6, 4.3)),
    "by-group": (draw_rates_by_group, (9.6, 3.6)),
    "roc": (draw_roc, (8.6, 3.9)),
    "reliability": (draw_reliability, (5.6, 4.6)),
    "risk-coverage": (draw_risk_coverage, (5.6, 3.6)),
    "heatmaps": (draw_heatmaps, (9.6, 3.8)),
}


def draw_evaluation(evaluation: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write the pictures of `evaluation` to `folder`; those it has no figures for are left out."""
    return [
        save(folder / f"{name}.png", partial(draw, evaluation=evaluation), size=size)
        for name, (draw, size) in _PICTURES.items()
        if name in pictures_of(evaluation)
    ]


def pictures_of(evaluation: Mapping[str, Any]) -> list[str]:
    """The names of the pictures that `draw_evaluation` makes."""
    lacking = set()
    if not evaluation.get("training"):
        lacking.add("training")
    if evaluation["roc"].keys() <= {"axes"}:  # scans of one class have no rest
        lacking.add("roc")
    if not evaluation["heatmaps"]["by_size"]:
        lacking.add("heatmaps")
    return [name for name in _PICTURES if name not in lacking]
