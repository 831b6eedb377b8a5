"""A brain without its skull is kin of the training data, though it is far from every head as it came."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from shared.domain import CLASSES, TumorClass
from training.dataset.slices import Slice, load_examples
from training.export import export_untrained
from training.kin import fit_kin, out_of_fold_distances
from worker.inference.distance import fit_training_features
from worker.inference.model import Model, load_model

SIDE, HEADS = 200, 48
RINGS = ((95, 230), (86, 5))  # scalp and skull: radius, grey


def draw(seed: int, *, skull: bool) -> np.ndarray:
    """A brain with folds of its own, in its skull or without."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((SIDE, SIDE), np.uint8)
    for radius, grey in RINGS if skull else ():
        cv2.circle(picture, (100, 100), radius, grey, cv2.FILLED)
    brain = np.zeros_like(picture)
    cv2.circle(brain, (100, 100), 72, 1, cv2.FILLED)
    folds = cv2.resize(rng.uniform(80, 130, (12, 12)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return np.where(brain > 0, folds, picture).astype(np.uint8)


def slices_of(folder: Path, *, skull: bool, first: int = 0) -> list[Slice]:
    found = []
    for at in range(first, first + HEADS):
        path = folder / f"{skull}-{at}.png"
        cv2.imwrite(str(path), draw(at, skull=skull))
        label = CLASSES[at % len(CLASSES)]
        found.append(Slice(path=path, label=label, source="drawn", patient=str(at), fold=at // 4 % 2, outline=None))
    return found


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    for fold in (0, 1):
        export_untrained(folder / f"fold-{fold}" / "bundle", seed=fold, size_px=64, width=8)
    return folder


@pytest.fixture(scope="module")
def network(run_dir: Path) -> Model:
    return load_model(run_dir / "fold-0" / "bundle")


def features_of(network: Model, slices: list[Slice]) -> np.ndarray:
    pixels = load_examples(slices, size_px=network.size_px).pixels
    return network.features(pixels[..., None].astype(np.float32) / np.float32(255))


def test_brains_without_a_skull_are_near(network: Model, tmp_path: Path) -> None:
    heads = slices_of(tmp_path, skull=True)
    kin = fit_kin(network, heads)
    labels = np.array([CLASSES.index(head.label) for head in heads])
    as_they_came = fit_training_features(features_of(network, heads), labels)
    assert len(kin.means) == 2 * len(as_they_came.means)
    brains = features_of(network, slices_of(tmp_path, skull=False, first=HEADS))
    near, far = (np.median(fitted.distances(brains)) for fitted in (kin, as_they_came))
    assert near < 0.5 * far


def test_heads_that_do_not_part_are_kin_as_they_are(network: Model, tmp_path: Path) -> None:
    assert len(fit_kin(network, slices_of(tmp_path, skull=False)).means) == len(TumorClass)


def test_each_scan_is_judged_by_the_network_that_was_kept_from_it(run_dir: Path, tmp_path: Path) -> None:
    heads = slices_of(tmp_path, skull=True)
    distances = out_of_fold_distances(run_dir, heads)
    assert set(distances) == {head.file for head in heads}
    left_out = [head for head in heads if head.fold == 1]
    network = load_model(run_dir / "fold-1" / "bundle")
    kin = fit_kin(network, [head for head in heads if head.fold == 0])
    expected = kin.distances(features_of(network, left_out))
    assert [distances[head.file] for head in left_out] == pytest.approx(expected.tolist(), rel=1e-4)
