"""How the networks of a cross-validation came to learn, from what their runs wrote down after each epoch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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
        minutes = round(sum(epoch["took_s"] for epoch in epochs) / 60, 1)
        found[path.parent.name.removeprefix("fold-")] = {"minutes": minutes, **columns}
    return found
