"""What the model bundles say of themselves; TensorFlow is not needed to read it."""

from __future__ import annotations

import json
from pathlib import Path

from api.schemas.service import ModelDocument


def list_bundles(active: Path) -> list[ModelDocument]:
    """The bundle that the workers load, and its neighbours in the same folder; by name."""
    folders = {path.parent.resolve() for path in active.parent.glob("*/bundle.json")}
    if (active / "bundle.json").is_file():
        folders.add(active.resolve())
    found = [
        ModelDocument(active=folder == active.resolve(), **json.loads((folder / "bundle.json").read_text()))
        for folder in folders
    ]
    return sorted(found, key=lambda document: document.name)
