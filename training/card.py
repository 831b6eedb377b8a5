"""The model card, written from the figures in the bundle, so that the two cannot differ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from worker.inference.bundle import DESCRIPTION_FILE

CARD_FILE = "README.md"

_CARD = """\
# {name}

A small residual CNN ({parameters:,} parameters) that tells glioma, meningioma, pituitary tumour and no tumour apart
on one slice of a brain MRI, and shows by Grad-CAM what it looked at. **For research. It is not a medical device.**

| measured on {measured_on} | value | n |
|---|---|---|
{rows}

Reproduce with

    {command}

* Input: greyscale, cropped to the head, {size_px} x {size_px} (`worker/inference/preprocess.py`).
* Output: four probabilities, calibrated with temperature {temperature:.3g}; a confidence under {review_below:.3g} is
  marked `needs_review`.
* The heatmap is Grad-CAM in closed form, from the same forward pass, of the class that was predicted. In training it
  was rewarded for lying inside the outlines that radiologists drew.
* Trained on: {training_data}
* The recipe: `training/configs/cnn-outline.toml`, then `training/configs/cnn-outline-more.toml`; what was tried is in
  `docs/experiments.md`.

## Known shortcuts and limits
* Every outlined tumour comes from one source and nearly every healthy brain from another, so a network can learn the
  scanner instead of the tumour. An earlier network of this kind called half of another hospital's glioblastomas
  healthy. The augmentation works against that; it is not proven away. "No tumour" on a scan from elsewhere means
  little.
* All three sources were trained on, `sartaj` too: no line above tells how it does on a scanner that it has never seen.
* Temperature and threshold were fitted on the stage of training before, which was less sure of itself: the
  probabilities may be too high. They were not calibrated on scans that this network never saw.
* What is no brain MRI is not turned away yet unless it is blank.
* Meningioma is the hardest class. Nothing but these four labels can be answered.
"""


def write_card(folder: Path) -> None:
    """Write README.md beside a bundle's description, from the figures there."""
    document = json.loads((folder / DESCRIPTION_FILE).read_text())
    metrics = document["metrics"]
    figures = metrics["figures"]
    folds = ", ".join(map(str, figures["folds"]))
    text = _CARD.format(
        name=document["name"],
        parameters=document["parameters"],
        measured_on=f"fold {folds}: patients never trained on",
        rows="\n".join(_rows(figures)),
        command=metrics["command"],
        size_px=document["input"]["size_px"],
        temperature=document["temperature"],
        review_below=document["review_below"],
        training_data=document["training_data"],
    )
    (folder / CARD_FILE).write_text(text)


def _rows(figures: Mapping[str, Any]) -> list[str]:
    named = {
        "accuracy, four classes": figures["accuracy"],
        "accuracy, the three figshare tumours": figures["figshare_tumour_accuracy"],
        "heatmap's peak inside the tumour's box": figures["peak_in_box"],
        "heatmap's peak inside the tumour's outline": figures["peak_in_outline"],
        "tumour called healthy": figures["tumour_called_healthy"],
        "healthy called tumour": figures["healthy_called_tumour"],
        "marked needs_review": figures["needs_review"],
        **{f"sensitivity, {label}": rate for label, rate in figures["sensitivity"].items()},
        **{f"accuracy, {source}": rate for source, rate in figures["accuracy_by_source"].items()},
    }
    return [f"| {name} | {rate['value']:.1%} | {rate['n']} |" for name, rate in named.items() if rate["n"]]
