"""Figures in words: what each is called, how many digits it is given, and which way is better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NAMES = {
    "accuracy": "accuracy, four classes",
    "figshare_tumour_accuracy": "accuracy, the three figshare tumours",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "macro_f1": "macro F1",
    "tumour_called_healthy": "tumour called healthy",
    "tumour_called_healthy_without_review": "tumour called healthy and not in review",
    "healthy_called_tumour": "healthy called tumour",
    "expected_calibration_error": "ECE, 15 bins",
    "brier_score": "Brier score (0 to 2)",
    "negative_log_likelihood": "negative log-likelihood",
    "in_review": "in review",
    "error_rate_outside_review": "wrong among those not in review",
    "error_rate_outside": "wrong among those not in review",
    "error_rate_inside": "wrong among those in review",
    "errors_caught": "wrong ones that are in review",
    "accuracy_at_90_coverage": "accuracy of the surest 90%",
    "area_under_curve": "area under risk over coverage (AURC)",
    "area_under_roc_curve": "area under the ROC curve",
    "peak_in_box": "heatmap's peak in the tumour's box",
    "peak_in_outline": "heatmap's peak in the tumour's outline",
    "energy_in_box": "heatmap's energy in the box",
    "energy_in_outline": "heatmap's energy in the outline",
    "iou": "IoU of heatmap (over half of its strongest cell) and outline",
    "notumor": "no tumour",
    "extra_time_a_scan": "extra time a scan",
    "macs": "multiply-adds a scan",
    "size_bytes": "size in bytes",
    "latency_ms": "latency in ms",
    "scans_per_s": "scans/s in batches",
    "peak_memory_mb": "peak memory in MB",
    "training_minutes": "training in minutes",
    "training_minutes_with_teacher": "training in minutes, with its teacher's",
    "input_px": "input side in px",
    "auc": "AUC",
    "accuracy_br35h": "accuracy, Br35H",
    "accuracy_sartaj": "accuracy, sartaj",
    "sensitivity_notumor": "sensitivity, no tumour",
    "sensitivity_glioma": "sensitivity, glioma",
    "sensitivity_meningioma": "sensitivity, meningioma",
    "sensitivity_pituitary": "sensitivity, pituitary",
    "energy_over_uniform": "heatmap's energy in the box, times that of a brain-uniform map",
    "right_in_training": "right on its own augmented pictures, in the end",
    "healed_called_healthy": "healed heads called healthy",
    "planted_called_a_tumour": "planted tumours called a tumour",
    "planted_called_the_right_one": "planted tumours called the right one",
    "stripped_tumour_called_healthy": "tumours without the skull called healthy",
    "stripped_tumour_called_the_right_one": "tumours without the skull called the right one",
    "stripped_healthy_called_tumour": "healthy brains without the skull called a tumour",
    "minutes": "minutes of training",
}
_PLAIN = {  # not shares: digits instead of per cent
    "expected_calibration_error": 3,
    "brier_score": 3,
    "negative_log_likelihood": 3,
    "area_under_curve": 4,
    "area_under_roc_curve": 3,
    "iou": 2,
}
LOWER_IS_BETTER = frozenset(
    {
        "tumour_called_healthy",
        "tumour_called_healthy_without_review",
        "healthy_called_tumour",
        "expected_calibration_error",
        "brier_score",
        "negative_log_likelihood",
        "in_review",
        "error_rate_outside_review",
    }
)


def name_of(figure: str) -> str:
    """What a figure, label or cost is called in a table."""
    return _NAMES.get(figure, figure.replace("_", " "))


def value_in_words(figure: str, value: float | None) -> str:
    """95.0%, or 0.013 for what is no share; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:.{_PLAIN[figure]}f}" if figure in _PLAIN else f"{value:.1%}"


def interval_in_words(figure: str, interval: list[float] | None) -> str:
    """94.1–95.8%."""
    if interval is None:
        return "–"
    low, high = interval
    if figure in _PLAIN:
        return f"{low:.{_PLAIN[figure]}f}–{high:.{_PLAIN[figure]}f}"
    return f"{100 * low:.1f}–{high:.1%}"


def rate_in_words(figure: str, rate: Mapping[str, Any]) -> str:
    """95.0% (94.1–95.8%); the value alone where there is no interval."""
    value = value_in_words(figure, rate["value"])
    return f"{value} ({interval_in_words(figure, rate['interval'])})" if rate["interval"] else value


def difference_in_words(figure: str, found: Mapping[str, Any]) -> str:
    """-0.3 points (-1.0 to 0.3), p = 0.361, where it was tested; shares differ by points of per cent."""
    if found["value"] is None:
        return "–"
    scale, digits, unit = (1, _PLAIN[figure], "") if figure in _PLAIN else (100, 1, " points")
    value, low, high = (f"{scale * number:z.{digits}f}" for number in (found["value"], *found["interval"]))
    told = f"{value}{unit} ({low} to {high})"
    if found["p"] is None:
        return told
    return f"{told}, p < 0.001" if found["p"] < 0.001 else f"{told}, p = {found['p']:.3f}"


def number_in_words(value: float | None) -> str:
    """Counts with commas, other numbers to four digits; a dash where there is none."""
    if value is None:
        return "–"
    return f"{int(value):,}" if value == int(value) else f"{value:,.4g}"
