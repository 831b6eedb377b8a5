"""Confusion matrix, ROC curves, and the rates by class, source and fold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from training.publication.plots.style import BLUE, CLASS_COLOURS, CLASS_NAMES, FAINT, INK, draw_rates, told

Document = Mapping[str, Any]


def draw_confusion(figure: Figure, evaluation: Document) -> None:
    """Rows are true labels and add up to 100%; the count stands under the share."""
    confusion = evaluation["confusion"]
    labels = list(confusion)
    counts = np.array([[confusion[true][said] for said in labels] for true in labels])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share > 0.5 else INK
        axes.text(column, row - 0.06, f"{share:.1%}", ha="center", va="center", color=colour, fontsize=11)
        axes.text(column, row + 0.22, f"{counts[row, column]:,}", ha="center", va="center", color=colour, fontsize=8)
    names = [CLASS_NAMES[label] for label in labels]
    axes.set_xticks(range(len(labels)), names)
    axes.set_yticks(
        range(len(labels)), [f"{name}\nn {count:,}" for name, count in zip(names, counts.sum(axis=1), strict=True)]
    )
    axes.set_xticks(np.arange(-0.5, len(labels)), minor=True)
    axes.set_yticks(np.arange(-0.5, len(labels)), minor=True)
    axes.grid(visible=False)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(f"Confusion, accuracy {told(evaluation['headline']['accuracy'])}")


def draw_roc(figure: Figure, evaluation: Document) -> None:
    """One class against the rest; the second panel enlarges the corner where the curves are."""
    wide, near = figure.subplots(1, 2)
    areas = evaluation["by_class"]["area_under_roc_curve"]
    curves = {label: points for label, points in evaluation["roc"].items() if label != "axes"}
    for label, points in curves.items():
        x, y = np.array(points).T
        low, high = areas[label]["interval"]
        told_area = f"{CLASS_NAMES[label]}: {areas[label]['value']:.3f} ({low:.3f}–{high:.3f})"
        for axes in (wide, near):
            axes.plot(x, y, color=CLASS_COLOURS[label], label=told_area)
    wide.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
    wide.set(xlim=(-0.01, 1), ylim=(0, 1.01), ylabel="sensitivity", title="ROC, one class against the rest")
    near.set(xlim=(-0.002, 0.2), ylim=(0.8, 1.002), title="Its upper left corner", xticks=(0, 0.05, 0.1, 0.15, 0.2))
    near.legend(
        loc="lower right",
        alignment="right",
        title=f"area under the curve, n {areas[next(iter(curves))]['n']:,}",
        title_fontsize=8,
    )
    for axes in (wide, near):
        axes.set_xlabel("1 − specificity")


def draw_rates_by_group(figure: Figure, evaluation: Document) -> None:
    """Sensitivity and precision by class; accuracy by source and fold."""
    left, right = figure.subplots(1, 2)
    classes = evaluation["by_class"]
    rows = [
        (f"{kind}, {CLASS_NAMES[label]}", rate, CLASS_COLOURS[label])
        for kind in ("sensitivity", "precision", "specificity")
        for label, rate in classes[kind].items()
    ]
    draw_rates(left, rows)
    left.set_title("By class")
    groups = [(source, figures["accuracy"], BLUE) for source, figures in evaluation["by_source"].items()]
    groups += [(f"fold {fold}", figures["accuracy"], FAINT) for fold, figures in evaluation.get("by_fold", {}).items()]
    draw_rates(right, groups)
    right.set_title("Accuracy by source and fold")
