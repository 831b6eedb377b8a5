import cv2
import numpy as np
import pytest

from shared.domain import TumorClass
from tests.unit.inference.phantoms import draw_head
from training.dataset.slices import Slice
from training.evaluation.randomised import measure_randomised, randomised
from training.evaluation.scoring import score
from training.export import export_untrained
from worker.inference.model import Model, load_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    export_untrained(folder, size_px=64, width=6)
    return load_model(folder)


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> list[Slice]:
    folder = tmp_path_factory.mktemp("slices")
    found = []
    for at, spot in enumerate([(100, 90), (140, 120), (90, 150), (120, 80), None]):
        path = folder / f"{at}.png"
        cv2.imwrite(str(path), draw_head(256, 256, tumour=spot))
        outline = None if spot is None else 2 * np.array(spot) + np.array([[-36, -36], [36, -36], [36, 36], [-36, 36]])
        found.append(
            Slice(
                path=path,
                label=TumorClass.NOTUMOR if spot is None else TumorClass.GLIOMA,
                source="br35h" if spot is None else "figshare",
                patient=str(at),
                fold=0,
                outline=None if outline is None else outline.astype(np.float32),
            )
        )
    return found


def test_slices_are_scored_as_they_are_served(model: Model, slices: list[Slice]) -> None:
    scores = score(model, slices, report=lambda _: None)
    assert [each.file for each in scores] == ["0.png", "1.png", "2.png", "3.png", "4.png"]
    assert scores[4].heatmap is None
    assert scores[0].heatmap is not None
    assert scores[0].heatmap.brightest_in_box == 1  # the drawn tumour is the brightest there is
    assert 0.01 < scores[0].heatmap.area < 0.05


def test_a_seed_is_a_network_of_its_own(model: Model) -> None:
    build = randomised(model)
    picture = np.random.default_rng(0).random((1, 64, 64, 1)).astype(np.float32)
    one, again, other = (build(seed).infer(picture)[0] for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.allclose(one, other)
    assert not np.allclose(one, model.infer(picture)[0])


def test_the_mean_over_seeds_stands_beside_the_better_baseline(model: Model, slices: list[Slice]) -> None:
    lines: list[str] = []
    found = measure_randomised(randomised(model), slices, seeds=3, report=lines.append)
    assert len(lines) == len(found["by_seed"]) == 3
    assert found["peak_in_box"] == {"value": round(float(np.mean(found["by_seed"])), 4), "n": 4}
    assert found["baselines"]["brightest"]["value"] == 1.0
    assert found["above_the_better_baseline"]["value"] == round(found["peak_in_box"]["value"] - 1.0, 4)


def test_without_tumours_there_is_nothing_to_point_at(model: Model, slices: list[Slice]) -> None:
    with pytest.raises(ValueError, match="no outlined"):
        measure_randomised(randomised(model), slices[4:], seeds=1)
