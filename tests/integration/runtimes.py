"""A worker's runtime around a network that answers at once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from chaos.null_model import NullModel
from shared.artifacts import LocalArtifactStore
from shared.settings import Settings
from tests.integration.test_processing import NOW
from worker.inference.bundle import read_bundle
from worker.inference.pipeline import Pipeline
from worker.runtime import Runtime


def null_runtime(settings: Settings, engine: Engine, **changes: Any) -> Runtime:
    """With its clock at NOW, and some of its parts exchanged."""
    model = NullModel(read_bundle(settings.model_dir))
    parts: dict[str, Any] = {
        "worker": "w",
        "model": model.name,
        "settings": settings,
        "engine": engine,
        "store": LocalArtifactStore(settings.data_dir),
        "pipeline": Pipeline(model, max_pixels=settings.max_pixels),
        "clock": lambda: NOW,
    }
    return Runtime(**(parts | changes))
