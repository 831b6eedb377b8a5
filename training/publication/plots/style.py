"""What all plots share: type, colours that colour-blind readers can tell apart (Okabe & Ito 2008), small files.

Figures are made without pyplot, so that no state is left behind.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image

from shared.domain import TumorClass

INK = "#222222"
FAINT = "#8a8a8a"
BLUE, VERMILION, GREEN, ORANGE, SKY, PURPLE = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7"
CLASS_COLOURS = {"glioma": VERMILION, "meningioma": BLUE, "pituitary": GREEN, "notumor": FAINT}
FOLD_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE)
CLASS_NAMES = {str(label): "no tumour" if label is TumorClass.NOTUMOR else str(label) for label in TumorClass}

_DPI = 150
_COLOURS_KEPT = 96  # of the file's palette: thin type stays smooth, and a plot stays under 60 KB
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def save(
    path: Path, draw: Callable[[Figure], None], *, size: tuple[float, float], colours: int = _COLOURS_KEPT
) -> Path:
    """Let `draw` fill a figure of `size` in inches and write it as PNG of at most 256 `colours`."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
        draw(figure)
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", metadata={"Software": None})
    path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(drawn) as picture:
        picture.convert("RGB").quantize(colours).save(path, format="PNG", optimize=True, dpi=(_DPI, _DPI))
    return path


def draw_rates(axes: Axes, rows: Sequence[tuple[str, Mapping[str, Any], str]]) -> None:
    """A dot with its interval for each (name, rate, colour), from top to bottom, with value and n written beside it."""
    rows = [row for row in rows if row[1]["value"] is not None]
    for at, (_, rate, colour) in enumerate(rows):
        low, high = rate["interval"]
        axes.plot([low, high], [at, at], color=colour, linewidth=2.2, solid_capstyle="butt")
        axes.plot(rate["value"], at, "o", color=colour, markersize=5)
        axes.annotate(
            f"{rate['value']:.1%}  (n {rate['n']:,})",
            (1.01, at),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
        )
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(percent())


def percent() -> FuncFormatter:
    """Ticks of shares as per cent, with as many digits as they need."""
    return FuncFormatter(lambda share, _: f"{100 * share:g}%")


def told(rate: Mapping[str, Any]) -> str:
    """A rate in words: 95.0% (94.1-95.8). Without its interval where it has none, and a dash for no rate."""
    if rate["interval"] is None:
        return "–" if rate["value"] is None else f"{rate['value']:.1%}"
    low, high = rate["interval"]
    return f"{rate['value']:.1%} ({100 * low:.1f}–{100 * high:.1f})"
