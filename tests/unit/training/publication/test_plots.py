from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from PIL import Image

from shared.domain import TumorClass
from tests.unit.training.synthetic import honest_scores
from training.evaluation.calibrate import Calibration
from training.evaluation.comparison import compare
from training.evaluation.outcomes import outcomes_of
from training.evaluation.report import evaluate_bundle
from training.publication.plots.all import draw_evaluation, pictures_of
from training.publication.plots.comparison import draw_comparison
from training.publication.plots.gallery import COLUMNS, Shown, choose, draw_gallery

HISTORY = {
    "minutes": 3.0,
    "accuracy": [0.5, 0.8],
    "loss": [1.0, 0.6],
    "val_accuracy": [0.6, 0.7],
    "val_loss": [0.9, 0.8],
}
PLAIN = Calibration(temperature=1.0, healthy_offset=0.0, review_below=0.6, review_beyond=1e9)


def evaluation(seed: int) -> dict[str, Any]:
    found = evaluate_bundle(honest_scores(400, seed=seed), model="tried", calibration=PLAIN, command="-", how="-")
    worse = {**HISTORY, "val_accuracy": [0.5, 0.6 + seed / 100]}
    return found | {"training": {"0": HISTORY, "1": worse}}


def test_every_picture_is_drawn_small_and_from_the_figures(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    one, other = (draw_evaluation(evaluation(seed), tmp_path / str(seed)) for seed in (1, 2))
    assert dict(matplotlib.rcParams) == before
    assert [path.stem for path in one] == [
        *("training", "confusion", "by-group", "roc", "reliability", "risk-coverage", "heatmaps")
    ]
    for first, second in zip(one, other, strict=True):
        assert first.stat().st_size < 60_000
        with Image.open(first) as picture:
            assert min(picture.size) > 300
            assert len(set(picture.convert("L").tobytes())) > 20
        assert first.read_bytes() != second.read_bytes(), first.name


def test_pictures_without_figures_are_left_out() -> None:
    scans = [replace(score, heatmap=None) for score in honest_scores(100)]
    found = evaluate_bundle(scans, model="tried", calibration=PLAIN, command="-", how="-")
    assert pictures_of(found) == ["confusion", "by-group", "roc", "reliability", "risk-coverage"]


def test_scans_of_one_class_alone_are_drawn_without_a_curve_against_the_rest(tmp_path: Path) -> None:
    gliomas = [score for score in honest_scores(200) if score.label is TumorClass.GLIOMA]
    found = evaluate_bundle(gliomas, model="tried", calibration=PLAIN, command="-", how="-")
    drawn = [path.stem for path in draw_evaluation(found, tmp_path)]
    assert drawn == ["confusion", "by-group", "reliability", "risk-coverage", "heatmaps"]


def test_risk_is_drawn_where_all_scans_are_in_review(tmp_path: Path) -> None:
    doubtful = replace(PLAIN, review_below=1.1)
    found = evaluate_bundle(honest_scores(100), model="tried", calibration=doubtful, command="-", how="-")
    assert found["risk_coverage"]["operating_point"] == {"coverage": 0.0, "risk": None}
    assert "risk-coverage" in {path.stem for path in draw_evaluation(found, tmp_path)}


def test_networks_are_drawn_side_by_side_and_the_same_figures_give_the_same_bytes(tmp_path: Path) -> None:
    comparison = compare({"one": honest_scores(200), "other": honest_scores(200)}, {})
    one, again = (draw_comparison(comparison, tmp_path / f"{name}.png") for name in ("one", "again"))
    assert 5_000 < one.stat().st_size < 60_000
    assert one.read_bytes() == again.read_bytes()


def test_the_gallery_chooses_hits_and_misses_of_every_class() -> None:
    scores = honest_scores(600)
    outcomes = outcomes_of(scores, dict.fromkeys(range(5), PLAIN))
    chosen = choose(outcomes)
    assert set(chosen) == {"hits", "misses"}
    for row, hit in (("hits", 1), ("misses", 0)):
        assert len(set(chosen[row])) == COLUMNS
        assert {outcomes.heatmap["peak_in_box"][at] for at in chosen[row]} == {hit}
        assert sorted({int(outcomes.labels[at]) for at in chosen[row]}) == [0, 1, 2]


def test_a_gallery_is_drawn_of_as_many_scans_as_there_are(tmp_path: Path) -> None:
    heat = np.zeros((64, 64), np.float32)
    heat[20:30, 20:30] = 1
    outline = np.array([[18, 18], [34, 18], [34, 34]], np.float32)
    shown = Shown(image=np.full((64, 64), 90, np.uint8), heat=heat, peak=(25, 25), outline=outline, caption="drawn")
    none, two = (draw_gallery({"hits": [shown] * n, "misses": []}, tmp_path / f"{n}.png") for n in (0, 2))
    drawn = []
    for path in (none, two):
        with Image.open(path) as picture:
            drawn.append(np.asarray(picture.convert("L")))
    # Grey scans of level 90, in the first two of six columns of the first row, and nowhere else.
    height, width = drawn[1].shape
    apart = np.abs(drawn[1].astype(int) - drawn[0]) > 8
    assert apart[: height // 2, : width // 3].mean() > 0.4
    assert not apart[:, width * 2 // 5 :].any()
    assert not apart[height * 3 // 5 :].any()
