"""Every bundle in models/ can be served, not only the one that is: whoever stayed with an older one has it still."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neurobatch.phantoms import draw_head
from shared.domain import TumorClass
from shared.settings import Settings
from worker.inference.model import load_model
from worker.inference.pipeline import Pipeline
from worker.inference.types import Explained, Source

BUNDLES = sorted(path.parent for path in Settings().model_dir.parent.glob("*/bundle.json"))


def test_there_are_older_bundles() -> None:
    assert len(BUNDLES) > 1
    assert Settings().model_dir in BUNDLES


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_a_bundle_loads_and_classifies_a_drawn_head(bundle: Path) -> None:
    drawn = io.BytesIO()
    Image.fromarray(draw_head(2, side_px=320, mass=True)).save(drawn, "PNG")
    model = load_model(bundle)
    (outcome,) = Pipeline(model, max_pixels=1_000_000, gated=False).run([Source(drawn.getvalue())])
    assert model.name == bundle.name
    assert isinstance(outcome, Explained)
    assert set(outcome.prediction.probabilities) == set(TumorClass)
    assert sum(outcome.prediction.probabilities.values()) == pytest.approx(1)
    assert np.isfinite(outcome.grid).all()
    assert outcome.grid.max() > 0
