import math
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from shared.domain import TumorClass
from shared.errors import InvalidScan
from tests.unit.inference.phantoms import draw_head
from tests.unit.training.brains import draw_brain
from training.dataset.slices import Slice
from training.evaluation.rates import Rate
from training.gate import DISTANCE_POWER, fit_gate, rejected_share
from training.not_brains import find_photographs, kinds
from worker.inference.distance import TrainingFeatures
from worker.inference.gate import Gate, appearance_of, load_gate, save_gate, shrink
from worker.inference.preprocess import prepare
from worker.inference.types import Inference

HEADS = 80


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> list[Slice]:
    folder = tmp_path_factory.mktemp("heads")
    for at in range(HEADS):
        cv2.imwrite(str(folder / f"{at}.png"), draw_brain(at))
    return [
        Slice(
            path=folder / f"{at}.png",
            label=TumorClass.NOTUMOR,
            source="drawn",
            patient=str(at),
            fold=at % 2,
            outline=None,
        )
        for at in range(HEADS)
    ]


@pytest.fixture(scope="module")
def fit(heads: list[Slice]) -> tuple[Gate, dict[str, Rate]]:
    return fit_gate(heads)


@pytest.fixture(scope="module")
def fitted(fit: tuple[Gate, dict[str, Rate]]) -> Gate:
    return fit[0]


@dataclass
class Blind:
    """A network that gives each picture the distance that it is told, and nothing else."""

    gate: Gate
    distance: float = 0.0
    size_px: int = 160
    temperature: float = 1.0
    healthy_offset: float = 0.0
    review_below: float = 0.0
    review_beyond: float = math.inf

    def infer(self, batch: np.ndarray) -> Inference:
        n = len(batch)
        distances = np.full(n, self.distance, np.float32)
        return Inference(np.zeros((n, 4), np.float32), np.zeros((n, 8, 8, 4), np.float32), distances, distances)


def test_heads_it_was_not_fitted_on_pass(fit: tuple[Gate, dict[str, Rate]]) -> None:
    gate, rejected = fit
    unseen = (cv2.imencode(".png", draw_brain(1000 + at))[1].tobytes() for at in range(40))
    share = rejected_share(Blind(gate), unseen)
    assert share["n"] == 40
    assert share["value"] is not None
    assert share["value"] <= 0.1
    assert rejected["drawn"]["n"] == HEADS


@pytest.mark.parametrize("kind", ["photographs", "noise", "shading", "pages of text", "screenshots", "mosaics"])
def test_what_is_no_brain_is_turned_away(fitted: Gate, heads: list[Slice], datasets: Path, kind: str) -> None:
    share = rejected_share(Blind(fitted), kinds(heads, photographs=find_photographs(datasets))[kind])
    assert share["n"] >= 100
    assert share["value"] is not None
    assert share["value"] >= 0.95


def test_a_bright_tumour_is_not_strange(fitted: Gate) -> None:
    head = draw_brain(2000)
    cv2.circle(head, (110, 90), 10, 255, -1)
    fitted.check(shrink(head), prepare(head, size_px=160))


def test_a_grey_square_is_told_to_be_no_brain(fitted: Gate) -> None:
    square = np.zeros((200, 200), np.uint8)
    square[20:180, 5:195] = np.random.default_rng(0).integers(150, 255, (160, 190))
    with pytest.raises(InvalidScan, match="brain MRI") as caught:
        fitted.check(shrink(square), prepare(square, size_px=160))
    assert caught.value.code == "not_a_brain_mri"


def test_what_is_a_little_strange_and_far_from_the_training_data_is_turned_away(heads: list[Slice]) -> None:
    distances = {head.file: 1.0 for head in heads}
    gate, rejected = fit_gate(heads, distances=distances)
    assert rejected["drawn"]["value"] is not None
    assert rejected["drawn"]["value"] <= 0.2  # by the limits of so few others
    unseen = [cv2.imencode(".png", draw_brain(1000 + at))[1].tobytes() for at in range(40)]
    shares = [rejected_share(Blind(gate, distance), unseen)["value"] for distance in (0.5, 1.0, 3.0)]
    near, nearer_the_limit, far = (share or 0.0 for share in shares)
    assert near <= nearer_the_limit <= 0.1
    assert far == 1.0


def test_ct_that_is_labelled_brain_mri_counts_as_rejected_and_sets_no_limit(heads: list[Slice]) -> None:
    ct = {head.file for head in heads[-8:]}
    away = {head.file: 1.0 for head in heads if head.file not in ct}
    gate, rejected = fit_gate(heads, distances=away, ct=ct)
    others, without = fit_gate(heads[:-8], distances=away)
    assert gate.reject_beyond_with_distance == others.reject_beyond_with_distance
    assert np.array_equal(gate.shape_mean, fit_gate(heads, ct=ct)[0].shape_mean)
    turned_away = [(share["value"] or 0) * share["n"] for share in (rejected["drawn"], without["drawn"])]
    assert turned_away[0] == pytest.approx(turned_away[1] + len(ct), abs=0.1)


def test_the_gate_tells_that_a_ct_is_one(fitted: Gate) -> None:
    head = draw_head()  # whose skull is as bright and as near to the brain as in CT
    with pytest.raises(InvalidScan, match="CT") as caught:
        fitted.check(shrink(head), prepare(head, size_px=160))
    assert caught.value.code == "not_a_brain_mri"
    older = replace(fitted, rejects_ct=False, reject_beyond=math.inf)
    assert older.check(shrink(head), prepare(head, size_px=160)) > 0


def test_the_second_limit_holds_where_more_scans_than_it_may_turn_away_are_no_solid_things(heads: list[Slice]) -> None:
    strange = {head.file: math.inf for head in heads[:10]}
    gate, _ = fit_gate(heads, distances={head.file: 1.0 for head in heads} | strange)
    assert math.isfinite(gate.reject_beyond_with_distance)


def test_every_scan_needs_its_distance(heads: list[Slice]) -> None:
    with pytest.raises(KeyError):
        fit_gate(heads, distances={heads[0].file: 1.0})


def test_an_older_file_holds_no_limit_with_distance_and_no_power(fitted: Gate, tmp_path: Path) -> None:
    save_gate(tmp_path / "gate.npz", replace(fitted, reject_beyond_with_distance=2.0))
    read = load_gate(tmp_path / "gate.npz")
    assert (read.reject_beyond_with_distance, read.distance_power, read.rejects_ct) == (2.0, DISTANCE_POWER, True)
    with np.load(tmp_path / "gate.npz") as saved:
        newer = ("reject_beyond_with_distance", "distance_power", "rejects_ct")
        older = {name: saved[name] for name in saved if name not in newer}
    np.savez(tmp_path / "older.npz", **older)
    read = load_gate(tmp_path / "older.npz")
    assert math.isinf(read.reject_beyond_with_distance)
    assert (read.distance_power, read.rejects_ct) == (1, False), "what bundles of then were measured with"


def test_a_file_without_what_every_gate_has_is_none(fitted: Gate, tmp_path: Path) -> None:
    save_gate(tmp_path / "gate.npz", fitted)
    with np.load(tmp_path / "gate.npz") as saved:
        np.savez(tmp_path / "part.npz", **{name: saved[name] for name in saved if name != "shape_mean"})
    with pytest.raises(KeyError):
        load_gate(tmp_path / "part.npz")


def test_kin_is_kept_with_it(fitted: Gate, tmp_path: Path) -> None:
    kin = TrainingFeatures(whitening=np.eye(3, 2, dtype=np.float32), means=np.ones((8, 2), np.float32))
    save_gate(tmp_path / "gate.npz", replace(fitted, kin=kin))
    read = load_gate(tmp_path / "gate.npz").kin
    assert read is not None
    assert np.array_equal(read.whitening, kin.whitening)
    assert np.array_equal(read.means, kin.means)
    save_gate(tmp_path / "older.npz", fitted)
    assert load_gate(tmp_path / "older.npz").kin is None


def test_one_fold_says_nothing_of_others(heads: list[Slice]) -> None:
    with pytest.raises(ValueError, match="two folds"):
        fit_gate([replace(head, fold=0) for head in heads])


def test_what_was_saved_judges_alike(fitted: Gate, tmp_path: Path) -> None:
    save_gate(tmp_path / "gate.npz", fitted)
    read = load_gate(tmp_path / "gate.npz")
    head = draw_brain(3000)
    seen = appearance_of(shrink(head), prepare(head, size_px=160))
    assert read.strangeness(seen) == fitted.strangeness(seen)
    assert read.reject_beyond == fitted.reject_beyond
