"""Networks side by side, each figure with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from training.publication.plots.style import FOLD_COLOURS, draw_rates, save
from training.publication.wording import name_of

_SHOWN = (
    "accuracy",
    "figshare_tumour_accuracy",
    "macro_precision",
    "macro_recall",
    "tumour_called_healthy",
    "healthy_called_tumour",
    "peak_in_box",
    "peak_in_outline",
)


def draw_comparison(comparison: Mapping[str, Any], path: Path) -> Path:
    """One panel a figure, one row a network."""
    rows = (len(_SHOWN) + 1) // 2
    height = rows * (0.55 + 0.24 * len(comparison["models"]))
    return save(path, partial(_draw, comparison=comparison), size=(9.6, height))


def _draw(figure: Figure, comparison: Mapping[str, Any]) -> None:
    panels = figure.subplots((len(_SHOWN) + 1) // 2, 2, squeeze=False).ravel()
    for axes, shown in zip(panels, _SHOWN, strict=False):
        rates = comparison["figures"][shown]
        colours = [FOLD_COLOURS[at % len(FOLD_COLOURS)] for at in range(len(rates))]
        draw_rates(axes, [(name, rate, colour) for (name, rate), colour in zip(rates.items(), colours, strict=True)])
        axes.set_title(name_of(shown)[0].upper() + name_of(shown)[1:])
