"""Training and validation over the epochs, all folds in one picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from training.publication.plots.style import FAINT, FOLD_COLOURS, percent

Document = Mapping[str, Any]


def draw_learning(figure: Figure, evaluation: Document) -> None:
    """Left accuracy, right cross-entropy; dotted on the augmented training pictures, solid on the fold left out."""
    folds = evaluation["training"]
    left, right = figure.subplots(1, 2)
    for at, (fold, history) in enumerate(folds.items()):
        colour = FOLD_COLOURS[at % len(FOLD_COLOURS)]
        for axes, name in ((left, "accuracy"), (right, "loss")):
            _draw(axes, history.get(name), color=colour, linewidth=0.9, linestyle=(0, (1, 1.5)))
            _draw(axes, history.get(f"val_{name}"), color=colour, linewidth=1.6, label=f"fold {fold}")
    left.plot([], [], color=FAINT, linewidth=0.9, linestyle=(0, (1, 1.5)), label="training, augmented")
    left.legend(loc="lower right")
    left.set_title("Accuracy: validation solid, training dotted")
    left.yaxis.set_major_formatter(percent())
    right.set_title("Cross-entropy")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.set_xlabel("epoch")


def _draw(axes: Any, values: list[float | None] | None, **line: Any) -> None:
    known = [(epoch, value) for epoch, value in enumerate(values or (), start=1) if value is not None]
    if known:
        axes.plot(*zip(*known, strict=True), **line)
