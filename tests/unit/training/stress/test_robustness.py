from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from shared.domain import TumorClass
from shared.images import read_image
from tests.unit.inference.phantoms import draw_head
from tests.unit.inference.test_predict import Limits
from tests.unit.training.slices import drawn_slice
from training.dataset.slices import Slice
from training.evaluation.bootstrap import IntervalRate, PatientBootstrap
from training.export import export_untrained
from training.stress.perturb import PERTURBATIONS, UNCHANGED
from training.stress.robustness import Answer, _as_file, _figures, draw_sample, robustness
from worker.inference.predict import classify

GLIOMA, HEALTHY = TumorClass.GLIOMA, TumorClass.NOTUMOR


def said(label: TumorClass, *, surely: float = 3.0, in_box: bool | None = None) -> Answer:
    logits = np.array([surely if each is label else 0.0 for each in TumorClass], np.float32)
    return Answer(classify(logits, distance=0, thresholds=Limits(review_below=0.5)), in_box)


def labelled(label: TumorClass, number: int = 0) -> Slice:
    return Slice(Path(f"{number}.png"), label, "figshare", f"p{number // 3}", 0, None)


def test_the_file_that_is_shown_has_the_pictures_pixels() -> None:
    picture = draw_head(51, 40)
    assert np.array_equal(read_image(_as_file(picture), max_pixels=10_000), picture)


def figures_of(
    slices: Sequence[Slice], before: Sequence[Answer | None], after: Sequence[Answer | None]
) -> dict[str, IntervalRate]:
    bootstrap = PatientBootstrap(np.array([item.patient for item in slices]))
    return _figures(slices, before, after, bootstrap=bootstrap)


def counted(rate: IntervalRate) -> tuple[float | None, int]:
    return rate["value"], rate["n"]


def test_figures_compare_with_the_unchanged_picture() -> None:
    slices = [labelled(GLIOMA), labelled(GLIOMA), labelled(GLIOMA), labelled(HEALTHY)]
    before = [said(GLIOMA), said(GLIOMA), said(HEALTHY), said(HEALTHY)]
    after = [said(GLIOMA, in_box=True), said(HEALTHY, in_box=False), said(GLIOMA, surely=0.1), None]
    figures = figures_of(slices, before, after)
    assert {name: counted(rate) for name, rate in figures.items() if name != "mean_probability_change"} == {
        "accuracy": (0.5, 4),
        "label_unchanged": (0.25, 4),
        "still_right": (0.3333, 3),
        "tumour_called_healthy": (0.3333, 3),
        "peak_in_box": (0.5, 2),
        "needs_review": (0.3333, 3),
        "rejected": (0.25, 4),
    }


def test_intervals_are_of_patients() -> None:
    """Six scans of two patients, one of whom is always right, say no more than two draws."""
    slices = [labelled(GLIOMA, number) for number in range(6)]
    after = [said(GLIOMA)] * 3 + [said(HEALTHY)] * 3
    assert figures_of(slices, after, after)["accuracy"] == {"value": 0.5, "n": 6, "interval": [0.0, 1.0]}


def test_probability_change_is_of_the_class_first_named() -> None:
    before, after = said(GLIOMA, surely=3), said(HEALTHY, surely=3)
    change = figures_of([labelled(GLIOMA)] * 2, [before] * 2, [before, after])["mean_probability_change"]
    moved = before.prediction.probabilities[GLIOMA] - after.prediction.probabilities[GLIOMA]
    assert change["value"] == pytest.approx(moved / 2, abs=1e-4)
    assert change["n"] == 2


def test_nothing_but_rejections_has_no_probability_change() -> None:
    figures = figures_of([labelled(GLIOMA)], [said(GLIOMA)], [None])
    assert figures["mean_probability_change"] == {"value": None, "n": 0, "interval": None}
    assert counted(figures["still_right"]) == (0.0, 1)


def test_the_sample_keeps_the_labels_shares() -> None:
    pool = [(number % 2, labelled(label, number)) for number in range(100) for label in (GLIOMA, HEALTHY, HEALTHY)]
    pool.append((1, labelled(TumorClass.PITUITARY)))
    sample = draw_sample(pool, 30, seed=1)
    assert Counter(item.label for _, item in sample) == {GLIOMA: 10, HEALTHY: 20, TumorClass.PITUITARY: 1}
    assert len({id(item) for _, item in sample}) == len(sample)
    assert draw_sample(pool, 30, seed=1) == sample
    assert draw_sample(pool, 30, seed=2) != sample


def test_a_sample_larger_than_the_pool_is_the_pool() -> None:
    pool = [(0, labelled(GLIOMA, number)) for number in range(5)]
    assert draw_sample(pool, 300, seed=0) == pool
    with pytest.raises(ValueError, match="no scans"):
        draw_sample([], 300, seed=0)


def test_every_perturbation_is_asked_of_every_scan_by_its_own_network(tmp_path: Path) -> None:
    bundles = [tmp_path / name for name in ("first", "second")]
    for seed, bundle in enumerate(bundles):
        export_untrained(bundle, seed=seed, size_px=64, width=6)
    first = [drawn_slice(tmp_path, "a"), drawn_slice(tmp_path, "b", label=HEALTHY, size=(300, 200))]
    second = [drawn_slice(tmp_path, "c", fold=1, size=(512, 512))]
    figures = robustness([(bundles[0], first), (bundles[1], second)], report=lambda _: None)
    assert (figures["n"], figures["patients"]) == (3, 3)
    assert figures["by_label"] == {"glioma": 2, "meningioma": 0, "pituitary": 0, "notumor": 1}
    assert set(figures["perturbations"]) == set(PERTURBATIONS)
    unchanged = figures["perturbations"][UNCHANGED]
    assert counted(unchanged["label_unchanged"]) == (1.0, 3)
    assert counted(unchanged["mean_probability_change"]) == (0.0, 3)
    for row in figures["perturbations"].values():
        assert row["accuracy"]["n"] == 3
        assert row["tumour_called_healthy"]["n"] == 2
        assert row["peak_in_box"]["n"] == 2
        assert row["rejected"]["value"] == 0
        assert row["means"]
