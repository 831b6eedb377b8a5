"""Heatmaps that found the tumour and heatmaps that missed it, with the radiologist's outline.

Shows patients' scans, so it is for `build/`, never for the repository.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from shared.domain import CLASSES
from shared.heatmaps import lay_out
from shared.images import read_image
from training.dataset.slices import Slice, outline_in_image
from training.evaluation.outcomes import Outcomes
from training.publication.plots.style import CLASS_NAMES, save
from worker.inference.pipeline import Network, Pipeline, focus_of
from worker.inference.types import Decoded, Predicted, Source

COLUMNS = 6
_MAX_PIXELS = 100_000_000
_OUTLINE = "#00E5FF"


@dataclass(frozen=True)
class Shown:
    """One scan of the gallery: uint8 (H, W), its map float32 (H, W) in [0, 1], the map's peak, and the outline."""

    image: npt.NDArray[np.uint8]
    heat: npt.NDArray[np.float32]
    peak: tuple[int, int]
    outline: npt.NDArray[np.float32]
    caption: str


def choose(outcomes: Outcomes, *, seed: int = 0) -> dict[str, list[int]]:
    """Places of six scans whose peak lies inside the outline and six whose peak misses the box, at random.

    Each class in turn, so that the commonest does not fill the page.
    """
    rng = np.random.default_rng(seed)
    wanted = {
        "hits": outcomes.outlined & (outcomes.heatmap["peak_in_outline"] == 1),
        "misses": outcomes.outlined & (outcomes.heatmap["peak_in_box"] == 0),
    }
    return {row: _in_turn(rng.permutation(np.flatnonzero(which)), outcomes.labels) for row, which in wanted.items()}


def look_again(
    outcomes: Outcomes, at: Sequence[int], *, slices: Mapping[str, Slice], network: Callable[[int], Network]
) -> list[Shown]:
    """Run the chosen scans once more for their maps. `network`: of a fold, the one that did not see it."""
    shown = []
    for place in at:
        item = slices[outcomes.files[place]]
        model = network(item.fold)
        pipeline = Pipeline(model, max_pixels=_MAX_PIXELS, gated=False)
        data = item.path.read_bytes()
        decoded = pipeline.decode(Source(data))
        if not isinstance(decoded, Decoded) or item.outline is None:
            raise ValueError(f"{item.path.name} has no outline or cannot be read")
        (predicted,) = pipeline.predict([decoded])
        assert isinstance(predicted, Predicted), "no gate was asked"
        image = read_image(data, max_pixels=_MAX_PIXELS)
        height, width = image.shape
        heat = lay_out(predicted.grid, frame=decoded.prepared.frame, width=width, height=height)
        peak = focus_of(heat, frame=decoded.prepared.frame)
        said = CLASS_NAMES[str(predicted.prediction.label)]
        caption = f"{CLASS_NAMES[str(item.label)]}\ncalled {said}, {outcomes.confidence[place]:.0%}"
        outline = outline_in_image(item.outline, width=width, height=height)
        shown.append(Shown(image=image, heat=heat, peak=(peak.x, peak.y), outline=outline, caption=caption))
    return shown


def draw_gallery(rows: Mapping[str, Sequence[Shown]], path: Path) -> Path:
    """One row of scans for each name; outline in cyan, peak as a cross."""

    def draw(figure: Figure) -> None:
        grid = figure.subplots(len(rows), COLUMNS, squeeze=False)
        for line, (name, items) in zip(grid, rows.items(), strict=True):
            for axes in line:
                axes.set_axis_off()
            for axes, item in zip(line, items, strict=False):
                _draw_one(axes, item)
            line[0].text(
                -0.06, 0.5, name, transform=line[0].transAxes, rotation=90, va="center", ha="right", fontsize=12
            )

    return save(path, draw, size=(2.1 * COLUMNS, 2.55 * len(rows)), colours=256)


def _draw_one(axes: Any, item: Shown) -> None:
    axes.imshow(item.image, cmap="gray")
    colours = matplotlib.colormaps["inferno"](item.heat)
    colours[..., 3] = 0.65 * item.heat
    axes.imshow(colours)
    closed = np.vstack([item.outline, item.outline[:1]])
    axes.plot(closed[:, 0], closed[:, 1], color=_OUTLINE, linewidth=1.2)
    axes.plot(*item.peak, marker="+", color="white", markersize=10, markeredgewidth=1.6)
    axes.set_title(item.caption, fontsize=8, fontweight="normal", loc="center")


def _in_turn(places: npt.NDArray[np.intp], labels: npt.NDArray[np.int64]) -> list[int]:
    by_class = [[int(place) for place in places if labels[place] == label] for label in range(len(CLASSES))]
    chosen: list[int] = []
    while len(chosen) < COLUMNS and any(by_class):
        chosen += [queue.pop(0) for queue in by_class if queue]
    return sorted(chosen[:COLUMNS], key=lambda place: int(labels[place]))
