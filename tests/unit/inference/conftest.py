from pathlib import Path

import pytest

from training.export import export_untrained
from worker.inference.model import Model, load_model


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A valid bundle with random weights, small enough to load at once."""
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    export_untrained(folder, size_px=64, width=6)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tiny_bundle: Path) -> Model:
    return load_model(tiny_bundle)
