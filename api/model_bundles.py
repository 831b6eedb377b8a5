"""What the model bundles say of themselves; TensorFlow is not needed to read it."""

from __future__ import annotations

import json
from pathlib import Path

from api.schemas.service import ModelDocument
from shared.errors import NotFound


def list_bundles(active: Path) -> list[ModelDocument]:
    """The bundle that the workers load, and its neighbours in the same folder; by name."""
    found = [
        ModelDocument(
            active=folder == active.resolve(),
            plots=sorted(path.stem for path in folder.glob("plots/*.png")),
            **json.loads((folder / "bundle.json").read_text()),
        )
        for folder in _folders(active)
    ]
    return sorted(found, key=lambda document: document.name)


def plot_png(active: Path, *, model: str, plot: str) -> bytes:
    """One of a bundle's pictures; NotFound for any name that `list_bundles` does not give."""
    for folder in _folders(active):
        for path in folder.glob("plots/*.png"):
            if path.stem == plot and json.loads((folder / "bundle.json").read_text())["name"] == model:
                return path.read_bytes()
    raise NotFound("There is no such plot.")


def _folders(active: Path) -> set[Path]:
    folders = {path.parent.resolve() for path in active.parent.glob("*/bundle.json")}
    if (active / "bundle.json").is_file():
        folders.add(active.resolve())
    return folders
