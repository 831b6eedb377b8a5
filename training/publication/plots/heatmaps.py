"""Whether heatmaps point at tumours, beside what needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.publication.plots.style import BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, SKY, percent

Document = Mapping[str, Any]

_MEASURES = {
    "peak_in_box": "peak in box",
    "peak_in_outline": "peak in outline",
    "energy_in_box": "energy in box",
    "energy_in_outline": "energy in outline",
}
_BASELINES = {"brightest": "brightest pixel", "brain_uniform": "brain-uniform", "centre": "centre"}
_BY_SIZE = {"peak_in_box": "peak in box", "peak_in_outline": "peak in outline", "iou": "IoU (half max.)"}


def draw_heatmaps(figure: Figure, evaluation: Document) -> None:
    """The peak in box and outline beside the baselines; then the network's by the size of the tumour."""
    found = evaluation["heatmaps"]
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    groups = {"network": [found["network"][name] for name in _MEASURES]}
    for key, name in _BASELINES.items():
        places = found["baselines"][key]
        energy = [places["in_box"], places["in_outline"]] if key == "brain_uniform" else [None, None]
        groups[name] = [places["in_box"], places["in_outline"], *energy]
    _draw_bars(left, groups, colours=(BLUE, ORANGE, SKY, FAINT))
    left.set_xticks(range(len(_MEASURES)), _MEASURES.values())
    left.set_title(f"Heatmaps and baselines, n {found['network']['peak_in_box']['n']:,}")
    sizes = found["by_size"]
    by_size = {name: [size[key] for size in sizes.values()] for key, name in _BY_SIZE.items()}
    _draw_bars(right, by_size, colours=(BLUE, PURPLE, GREEN))
    right.set_xticks(range(len(sizes)), [_told(name, size) for name, size in sizes.items()])
    right.set_title("By size of the tumour in the picture")
    for axes in (left, right):
        axes.legend(loc="upper left", ncols=4, columnspacing=1, handlelength=1.2, borderpad=0)
        axes.set_ylim(0, 1.16)
        axes.set_yticks(np.linspace(0, 1, 6))
        axes.grid(visible=False, axis="x")
        axes.tick_params(axis="x", length=0)
        axes.yaxis.set_major_formatter(percent())


def _draw_bars(axes: Axes, groups: Mapping[str, Sequence[Document | None]], *, colours: Sequence[str]) -> None:
    """Bars side by side with their intervals, one colour a group; None leaves a gap."""
    width = 0.84 / len(groups)
    for at, ((name, rates), colour) in enumerate(zip(groups.items(), colours, strict=True)):
        for place, rate in enumerate(rates):
            if rate is None:
                continue
            x, (low, high) = place + (at - (len(groups) - 1) / 2) * width, rate["interval"]
            axes.bar(x, rate["value"], width=0.92 * width, color=colour, label=None if place else name)
            axes.plot([x, x], [low, high], color=INK, linewidth=1)
            axes.text(x, high + 0.015, f"{rate['value']:.0%}", ha="center", va="bottom", fontsize=7.5)


def _told(name: str, size: Document) -> str:
    low, high = size["share_of_picture"]
    return f"{name}, n {size['peak_in_box']['n']:,}\n{100 * low:.1f}–{high:.1%}"
