"""One bad file never spoils its neighbours, and the order is kept."""

import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from shared.heatmaps import Frame, lay_out
from tests.unit.inference.phantoms import draw_head, encode
from worker.inference.distance import TrainingFeatures
from worker.inference.gate import Gate
from worker.inference.model import Model
from worker.inference.pipeline import Pipeline, focus_of
from worker.inference.types import Decoded, Explained, Point, Predicted, Rejected, Source

STAGES = {"decode", "preprocess", "predict", "explain", "render"}


@pytest.fixture
def pipeline(tiny_model: Model) -> Pipeline:
    return Pipeline(tiny_model, max_pixels=1_000_000)


def test_outcomes_come_in_input_order(pipeline: Pipeline) -> None:
    good = [encode(draw_head(200 + 10 * at, 220)) for at in range(3)]
    outcomes = pipeline.run([Source(good[0]), Source(b""), Source(good[1]), Source(b"text"), Source(good[2])])
    assert [getattr(outcome, "code", None) for outcome in outcomes] == [None, "empty_file", None, "not_an_image", None]
    assert [item.width for item in outcomes if isinstance(item, Explained)] == [200, 210, 220]


def test_bad_neighbours_change_nothing(pipeline: Pipeline) -> None:
    good = Source(encode(draw_head()))
    (alone,) = pipeline.run([good])
    _, among_bad, _ = pipeline.run([Source(b"x"), good, Source(encode(np.zeros((64, 64), np.uint8)))])
    assert isinstance(alone, Explained)
    assert isinstance(among_bad, Explained)
    assert among_bad.prediction == alone.prediction
    assert among_bad.heatmap_png == alone.heatmap_png


def test_nothing_but_bad_files(pipeline: Pipeline) -> None:
    assert all(isinstance(item, Rejected) for item in pipeline.run([Source(b"x"), Source(b"")]))
    assert pipeline.run([]) == []


def test_more_scans_than_one_forward_pass_takes(pipeline: Pipeline) -> None:
    outcomes = pipeline.run([Source(encode(draw_head(64 + at, 80))) for at in range(35)])
    assert [item.width for item in outcomes if isinstance(item, Explained)] == list(range(64, 99))


class _Counting(Pipeline):
    """Tells how many scans were classified together."""

    together: Sequence[int] = ()

    def predict(self, scans: Sequence[Decoded]) -> list[Predicted | Rejected]:
        self.together = [*self.together, len(scans)]
        return super().predict(scans)


def test_more_pixels_than_may_wait_are_classified_in_parts(tiny_model: Model) -> None:
    pipeline = _Counting(tiny_model, max_pixels=1_000_000, most_pixels_at_once=2 * 100 * 120)
    sources = [Source(encode(draw_head(100, 120 + at))) for at in range(5)]
    outcomes = pipeline.run([*sources[:3], Source(b""), *sources[3:]])
    assert pipeline.together == [2, 2, 1]
    assert [getattr(item, "height", "refused") for item in outcomes] == [120, 121, 122, "refused", 123, 124]


def test_an_outcome_is_whole(pipeline: Pipeline) -> None:
    (item,) = pipeline.run([Source(encode(draw_head(230, 180)))])
    assert isinstance(item, Explained)
    assert set(item.timings) == STAGES
    assert item.overlay.startswith(b"\xff\xd8\xff")
    heat = lay_out(item.grid, frame=item.frame, width=item.width, height=item.height)
    assert heat.shape == (180, 230)
    assert heat[item.focus.y, item.focus.x] == heat.max()
    stored = cv2.imdecode(np.frombuffer(item.heatmap_png, np.uint8), cv2.IMREAD_UNCHANGED)
    assert stored is not None
    assert stored.shape == heat.shape


def test_a_page_of_a_tiff_is_found(pipeline: Pipeline) -> None:
    pages = [Image.fromarray(draw_head(100, 100)), Image.fromarray(draw_head(120, 140))]
    data = encode(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    first, second, third = pipeline.run([Source(data, 0), Source(data, 1), Source(data, 2)])
    assert isinstance(first, Explained)
    assert isinstance(second, Explained)
    assert (second.width, second.height) == (120, 140)
    assert isinstance(third, Rejected)


@pytest.mark.parametrize(("limit", "code"), [(0.0, "not_a_brain_mri"), (math.inf, None)])
def test_what_is_strange_and_far_is_given_no_label(
    tiny_model: Model, monkeypatch: pytest.MonkeyPatch, limit: float, code: str | None
) -> None:
    monkeypatch.setattr(tiny_model, "gate", _gate(reject_beyond_with_distance=limit))
    (outcome,) = Pipeline(tiny_model, max_pixels=1_000_000).run([Source(encode(draw_head()))])
    assert getattr(outcome, "code", None) == code


def test_what_is_stranger_than_any_brain_is_never_shown_to_the_network(
    tiny_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiny_model, "gate", _gate(reject_beyond=0.0))
    decoded = Pipeline(tiny_model, max_pixels=1_000_000).decode(Source(encode(draw_head())))
    assert getattr(decoded, "code", None) == "not_a_brain_mri"


@pytest.mark.parametrize(("away", "code"), [(0.0, None), (1e6, "not_a_brain_mri")])
def test_the_gate_counts_the_distance_from_its_own_kin(
    tiny_model: Model, monkeypatch: pytest.MonkeyPatch, away: float, code: str | None
) -> None:
    scan = [Source(encode(draw_head()))]
    (before,) = Pipeline(tiny_model, max_pixels=1_000_000).run(scan)
    assert isinstance(before, Explained)
    channels = tiny_model.features(np.zeros((1, tiny_model.size_px, tiny_model.size_px, 1), np.float32)).shape[1]
    kin = TrainingFeatures(whitening=np.eye(channels, dtype=np.float32), means=np.full((1, channels), away, np.float32))
    monkeypatch.setattr(tiny_model, "gate", replace(_gate(reject_beyond_with_distance=1e4), kin=kin))
    (outcome,) = Pipeline(tiny_model, max_pixels=1_000_000).run(scan)
    assert getattr(outcome, "code", None) == code
    if isinstance(outcome, Explained):
        assert outcome.prediction == before.prediction, "the distance that asks for review is another one"


def _gate(*, reject_beyond: float = math.inf, reject_beyond_with_distance: float = math.inf) -> Gate:
    """To which every head is a little strange."""
    shape, greys = np.ones(512, np.float32), np.zeros(20, np.float32)
    return Gate(
        shape_mean=0 * shape,
        directions=shape[:, None] / np.float32(np.sqrt(512)),
        variances=shape[:1],
        left_over=shape,
        greys_mean=greys,
        greys_whitening=np.eye(20, dtype=np.float32),
        reject_beyond=reject_beyond,
        reject_beyond_with_distance=reject_beyond_with_distance,
    )


def test_the_focus_of_an_empty_map_is_the_middle_of_what_was_seen() -> None:
    empty = np.zeros((100, 100), np.float32)
    assert focus_of(empty, frame=Frame(x=10, y=-20, side=80)) == Point(x=50, y=20)


def test_the_stages_can_be_imported_without_tensorflow() -> None:
    check = "import sys, worker.inference.pipeline; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
