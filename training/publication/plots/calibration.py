"""Whether confidence can be believed, and what review costs and saves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.publication.plots.style import BLUE, FAINT, VERMILION, percent, told

Document = Mapping[str, Any]


def draw_reliability(figure: Figure, evaluation: Document) -> None:
    """Accuracy over confidence in the bins of the calibration error, and how many scans each holds."""
    bins = evaluation["reliability"]
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    middles = [(each["from"] + each["to"]) / 2 for each in bins]
    width = bins[0]["to"] - bins[0]["from"]
    sure, right, n = (np.array([each[key] for each in bins]) for key in ("confidence", "accuracy", "n"))
    upper.plot([0, 1], [0, 1], color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)), label="confidence = accuracy")
    upper.vlines(sure, np.minimum(sure, right), np.maximum(sure, right), color=VERMILION, linewidth=2, label="gap")
    upper.scatter(sure, right, s=22 + 90 * n / n.max(), color=BLUE, zorder=3, label="a bin, area by its scans")
    error = evaluation["headline"]["expected_calibration_error"]
    low, high = error["interval"]
    upper.set_title(f"Reliability, ECE {error['value']:.3f} ({low:.3f}–{high:.3f}), n {error['n']:,}")
    upper.set(ylabel="accuracy", xlim=(0.2, 1.01), ylim=(0, 1.03))
    upper.legend(loc="lower right")
    lower.bar(middles, n, width=0.92 * width, color=BLUE)
    for middle, count in zip(middles, n, strict=True):
        lower.text(middle, count * 1.15, f"{count:,}", ha="center", fontsize=7.5)
    lower.set_yscale("log")
    lower.set(xlabel="confidence", ylabel="scans (log)", ylim=(0.8, 6 * n.max()))
    lower.grid(visible=False)
    for axis in (upper.xaxis, upper.yaxis):
        axis.set_major_formatter(percent())


def draw_risk_coverage(figure: Figure, evaluation: Document) -> None:
    """Error rate among the surest scans; the dot is what is served."""
    found = evaluation["risk_coverage"]
    coverage, risk = np.array(found["points"]["curve"]).T
    axes = figure.subplots()
    axes.plot(coverage, risk, color=BLUE)
    if found["operating_point"]["risk"] is not None:  # there is none where all are in review
        _mark_served(axes, **found["operating_point"])
    at_90 = f"accuracy of the surest 90%: {told(found['accuracy_at_90_coverage'])}"
    axes.axvline(0.9, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)), label=at_90)
    area = found["area_under_curve"]
    axes.set_title(f"Risk over coverage, area {area['value']:.4f}, n {area['n']:,}")
    axes.set(xlabel="coverage: share of scans, surest first", ylabel="error rate among them", xlim=(0, 1.01))
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left")  # where the curve is low
    axes.xaxis.set_major_formatter(percent())
    axes.yaxis.set_major_formatter(percent())


def _mark_served(axes: Axes, *, coverage: float, risk: float) -> None:
    served = f"as served: {1 - coverage:.1%} in review, {risk:.1%} of the others wrong"
    axes.plot(coverage, risk, "o", color=VERMILION, markersize=7, zorder=3, label=served)
