"""What the model bundles say of themselves; TensorFlow is not needed to read it."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

from api.schemas.service import ModelDocument
from shared.errors import NotFound

_CARD = "README.md"
_EVALUATION = "evaluation.json"


def list_bundles(active: Path) -> list[ModelDocument]:
    """The bundle that the workers load, and its neighbours in the same folder; by name."""
    found = [
        ModelDocument(
            active=folder == active.resolve(),
            card=_card_path(folder),
            plots=sorted(path.stem for path in folder.glob("plots/*.png")),
            **json.loads((folder / "bundle.json").read_text()),
        )
        for folder in _folders(active)
    ]
    return sorted(found, key=lambda document: document.name)


def card_markdown(active: Path, *, model: str) -> bytes:
    """The card that lies in a bundle; NotFound for a model that is not there, or has none."""
    return _read(active, model=model, file=_CARD, what="card")


def evaluation_json(active: Path, *, model: str) -> bytes:
    """The evaluation that lies in a bundle; NotFound for a model that is not there, or has none."""
    return _read(active, model=model, file=_EVALUATION, what="evaluation")


def plot_png(active: Path, *, model: str, plot: str) -> bytes:
    """One of a bundle's pictures, named as by `list_bundles` or, as in the card, by its file; NotFound for others."""
    for folder in _folders(active):
        for path in folder.glob("plots/*.png"):
            if plot in {path.stem, path.name} and _name_of(folder) == model:
                return path.read_bytes()
    raise NotFound("There is no such plot.")


def _read(active: Path, *, model: str, file: str, what: str) -> bytes:
    for folder in _folders(active):
        if (folder / file).is_file() and _name_of(folder) == model:
            return (folder / file).read_bytes()
    raise NotFound(f"There is no such {what}.")


def _card_path(folder: Path) -> str | None:
    return f"/v1/models/{quote(_name_of(folder))}/card" if (folder / _CARD).is_file() else None


def _name_of(folder: Path) -> str:
    return str(json.loads((folder / "bundle.json").read_text())["name"])


def _folders(active: Path) -> set[Path]:
    folders = {path.parent.resolve() for path in active.parent.glob("*/bundle.json")}
    if (active / "bundle.json").is_file():
        folders.add(active.resolve())
    return folders
