"""`neurobatch train --data`: from a folder of pictures to a bundle and the scores of a fold left out."""

import json
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner, Result

from neurobatch.commands.train import train
from tests.unit.training.brains import draw_brain, mirror
from training.evaluation.scores import read_scores
from worker.inference.bundle import DESCRIPTION_FILE

LABELS = ("glioma", "meningioma", "pituitary", "no_tumor")
CONFIG = """\
[run]
name = "tiny"
architecture = "pyramid"
seed = 1
size_px = 32
cache_px = 40
small_px = 16
small_epochs = 0
width = 6
epochs = 1
batch = 8
learning_rate = 1e-3
weight_decay = 0.01
warm_up_epochs = 0.5
label_smoothing = 0.05
outline_weight = 0.3
cell_weight = 0.0
averaging = 0.9
precision = "float32"
augmentation = 1.0
counterfactuals = 0.0
patchwork = 0.0
stripped = 0.0
crops = 0.0
other_greys = 0.0
teacher = ""
teacher_share = 0.0
"""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Five people a label with the same names in every folder; of the first a mirror image too."""
    folder = tmp_path / "mine"
    for kind, label in enumerate(LABELS):
        (folder / label).mkdir(parents=True)
        for person in range(5):
            cv2.imwrite(str(folder / label / f"{person}.png"), draw_brain(10 * kind + person, side_px=96))
        cv2.imwrite(str(folder / label / "0-mirrored.png"), mirror(draw_brain(10 * kind, side_px=96)))
    return folder


def run(tmp_path: Path, pictures: Path, *more: str) -> Result:
    (tmp_path / "tiny.toml").write_text(CONFIG)
    arguments = ["--config", str(tmp_path / "tiny.toml"), "--data", str(pictures), "--run-dir", str(tmp_path / "run")]
    return CliRunner().invoke(train, [*arguments, *more])


def test_a_folder_of_ones_own_is_trained_on_and_scored(tmp_path: Path, pictures: Path) -> None:
    done = run(tmp_path, pictures, "--leave-out", "0")
    assert done.exit_code == 0, done.output
    assert "no_tumor is taken for notumor" in done.output
    assert "no patient is given for 24 pictures; 20 clusters" in done.output
    scores = read_scores(tmp_path / "run" / "fold-0" / "scores.csv")
    split = (tmp_path / "run" / "split.csv").read_text().splitlines()
    assert sorted(score.file for score in scores) == sorted(row.split(",")[0] for row in split if row.endswith(",0"))
    assert {score.label for score in scores} == {"glioma", "meningioma", "pituitary", "notumor"}
    assert len({score.file for score in scores}) == len(scores)  # their names alone would repeat
    description = json.loads((tmp_path / "run" / "fold-0" / "bundle" / DESCRIPTION_FILE).read_text())
    assert description["training_data"].startswith(f"{24 - len(scores)} pictures of the user's own (source: own)")


def test_scores_that_are_there_are_taken_for_the_same_scans_alone(tmp_path: Path, pictures: Path) -> None:
    assert run(tmp_path, pictures, "--leave-out", "0").exit_code == 0
    assert run(tmp_path, pictures, "--leave-out", "0").exit_code == 0
    table = tmp_path / "run" / "fold-0" / "scores.csv"
    header, first, *rest = table.read_text().splitlines()
    table.write_text("\n".join([header, first.replace("own:", "own:another-"), *rest]) + "\n")
    done = run(tmp_path, pictures, "--leave-out", "0")
    assert (done.exit_code, f"{table} is of other data: 2 scans differ" in done.output) == (1, True)


def test_a_pupil_with_another_seed_finds_its_teacher_s_folds(tmp_path: Path, pictures: Path) -> None:
    taught = CONFIG.replace('"tiny"', '"pupil"').replace("seed = 1", "seed = 2")
    taught = taught.replace('teacher = ""', 'teacher = "tiny"').replace("teacher_share = 0.0", "teacher_share = 0.5")
    (tmp_path / "pupil.toml").write_text(taught)
    for config, name in (("tiny", "tiny-mine"), ("pupil", "pupil-mine")):
        where = ("--config", str(tmp_path / f"{config}.toml"), "--run-dir", str(tmp_path / name))
        done = run(tmp_path, pictures, *where, "--leave-out", "0")
        assert done.exit_code == 0, done.output


def test_pictures_parted_by_record_are_scored_too(tmp_path: Path, pictures: Path) -> None:
    done = run(tmp_path, pictures, "--record-wise")
    assert done.exit_code == 0, done.output
    assert len(read_scores(tmp_path / "run" / "record-wise" / "scores.csv")) == 5  # a fifth of 24, rounded up
    assert "choose one" in run(tmp_path, pictures, "--record-wise", "--leave-out", "0").output


def test_weights_to_begin_with_are_asked_for_before_anything_else(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEUROBATCH_DATASETS", str(tmp_path / "none"))
    (tmp_path / "their.toml").write_text(CONFIG.replace('"pyramid"', '"mobilenetv2"'))
    done = run(tmp_path, pictures, "--config", str(tmp_path / "their.toml"))
    assert done.exit_code == 1
    assert f"{tmp_path}/none/weights/mobilenetv2-imagenet-folded.npz cannot be used:" in done.output
    assert not (tmp_path / "run").exists()


def test_the_default_recipe_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    done = CliRunner().invoke(train, ["--data", "empty"])
    assert (done.exit_code, "no index.csv and no class folder" in done.output) == (1, True)


def test_faulty_data_is_told_and_nothing_is_trained(tmp_path: Path, pictures: Path) -> None:
    (pictures / "glioma" / "0.png").write_bytes(b"no picture")
    (pictures / "no_tumor" / "3.png").write_bytes(b"")
    done = run(tmp_path, pictures)
    assert done.exit_code == 1
    assert "  glioma/0.png: the file is not an image\n  no_tumor/3.png: the file is empty" in done.output
    assert not (tmp_path / "run").exists()
