"""How the networks of a cross-validation came to learn, from what their runs wrote down after each epoch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CONFIG_FILE = "config.json"
HISTORY_FILE = "history.jsonl"
_COLUMNS = {
    "accuracy": "logits_accuracy",
    "loss": "logits_loss",
    "val_accuracy": "val_accuracy",
    "val_loss": "val_loss",
}


def read_histories(run_dir: Path) -> dict[str, Any]:
    """Of each `fold-K/history.jsonl`: minutes, and a list over epochs of each figure that was written.

    `accuracy` and `loss` are of training (augmented pictures, smoothed labels), `val_*` of the fold left out, None
    in epochs that did not look at it.
    """
    found: dict[str, Any] = {}
    for path in sorted(run_dir.glob(f"fold-*/{HISTORY_FILE}")):
        epochs = [json.loads(line) for line in path.read_text().splitlines()]
        columns = {
            name: [round(float(epoch[key]), 4) if key in epoch else None for epoch in epochs]
            for name, key in _COLUMNS.items()
            if any(key in epoch for epoch in epochs)
        }
        found[path.parent.name.removeprefix("fold-")] = {"minutes": training_minutes(path), **columns}
    return found


def training_minutes(history: Path) -> float:
    """Minutes that a run's epochs take a machine that does nothing else, from its `history.jsonl`.

    Each epoch of `config.json` beside it counts as the quickest of its size: a stop, or other work, made the others
    longer. Raises ValueError where no epoch of a size is finished.
    """
    config = json.loads((history.parent / CONFIG_FILE).read_text())
    epochs = [json.loads(line) for line in history.read_text().splitlines()]
    small = [float(epoch["took_s"]) for epoch in epochs if epoch["epoch"] <= config["small_epochs"]]
    full = [float(epoch["took_s"]) for epoch in epochs if epoch["epoch"] > config["small_epochs"]]
    phases = ((int(config["small_epochs"]), small), (int(config["epochs"]) - int(config["small_epochs"]), full))
    if any(count and not took for count, took in phases):
        raise ValueError(f"{history}: the run has not come to an epoch of every size yet")
    return round(sum(count * min(took) for count, took in phases if count) / 60, 1)


def teacher_of(history: Path) -> str:
    """The run, or runs joined by +, whose network taught this one; empty where none did."""
    return str(json.loads((history.parent / CONFIG_FILE).read_text()).get("teacher", ""))
