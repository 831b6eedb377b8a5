"""What the shipped network sees of three drawn heads and says to them, kept beside this file.

python -m tests.unit.inference.shipped_answers
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurobatch.phantoms import draw_head
from shared.settings import Settings
from worker.inference.model import Model, load_model
from worker.inference.preprocess import prepare

FILE = Path(__file__).with_suffix(".json")


def heads() -> list[npt.NDArray[np.uint8]]:
    """Two whole ones of different sizes, and one that the picture cuts off on all sides."""
    cut = draw_head(6, side_px=320, mass=True)[60:-60, 60:-60]
    return [draw_head(2, side_px=320, mass=True), draw_head(4, side_px=512, mass=True), cut]


def answers(model: Model) -> dict[str, Any]:
    """The hash of the weights; of each head the frame (x, y, side) in pixels and the four logits."""
    prepared = [prepare(head, size_px=model.size_px) for head in heads()]
    logits = model.infer(np.stack([seen.pixels for seen in prepared])[..., None]).logits
    return {
        "model": model.name,
        "sha256": model.description["sha256"],
        "frames": [[seen.frame.x, seen.frame.y, seen.frame.side] for seen in prepared],
        "logits": np.round(logits.astype(float), 3).tolist(),
    }


def load_shipped() -> Model:
    """In float32, which every machine computes alike."""
    return load_model(Settings().model_dir)


if __name__ == "__main__":
    FILE.write_text(json.dumps(answers(load_shipped()), indent=2) + "\n")
