import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from neurobatch.cli import cli
from shared.domain import CLASSES, TumorClass
from shared.settings import Settings
from tests.unit.training.slices import drawn_slice
from training.dataset.entries import UnusableData
from training.dataset.slices import load_index
from training.evaluation.scores import write_scores
from training.evaluation.scoring import score
from training.export import export_untrained
from training.stress.perturb import PERTURBATIONS
from worker.inference.model import load_model


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture
def drawn_datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve slices of three sources in two folds, where the commands look for them."""
    write_datasets(tmp_path, each=4)
    monkeypatch.setenv("NEUROBATCH_DATASETS", str(tmp_path))
    return tmp_path


def write_datasets(folder: Path, *, each: int) -> None:
    """`each` slices of each of three sources."""
    images = folder / "brain-mri" / "images"
    images.mkdir(parents=True)
    slices = [
        drawn_slice(images, f"{source}-{number}", label=label, source=source, fold=number % 2)
        for label, source in (
            (TumorClass.GLIOMA, "figshare"),
            (TumorClass.NOTUMOR, "br35h"),
            (TumorClass.NOTUMOR, "sartaj"),
        )
        for number in range(each)
    ]
    with (folder / "brain-mri" / "index.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "label", "source", "patient", "fold"])
        rows.writerows((item.path.name, item.label.value, item.source, item.path.stem, item.fold) for item in slices)
    with (folder / "brain-mri" / "outlines.jsonl").open("w") as file:
        for item in slices:
            if item.outline is not None:
                file.write(json.dumps({"file": item.path.name, "outline": item.outline.tolist()}) + "\n")


def test_a_gate_asks_for_its_photographs_before_anything_else(drawn_datasets: Path) -> None:
    with pytest.raises(UnusableData, match="not-brain-mri/photos cannot be used"):
        run("gate", "--model", drawn_datasets)  # which holds no bundle either


def test_a_gate_that_is_there_is_counted_and_none_is_fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_datasets(tmp_path, each=12)  # what the largest mosaic takes
    photographs, out = tmp_path / "not-brain-mri" / "photos", tmp_path / "counted"
    photographs.mkdir(parents=True)
    cv2.imwrite(str(photographs / "a.png"), np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))
    monkeypatch.setenv("NEUROBATCH_DATASETS", str(tmp_path))
    export_untrained(tmp_path / "bundle", size_px=32, width=6)
    told = run("gate", "--only-count", "--model", tmp_path / "bundle", "--out", out)
    assert told.exit_code == 0, told.output
    assert [path.name for path in out.iterdir()] == ["gate.json"]
    (name, counted), *others = json.loads((out / "gate.json").read_text()).items()
    assert (name, others) == ("other_pictures_rejected", [])
    assert counted["photographs"] == {"value": 1.0, "n": 1}
    assert counted["screenshots"]["n"] == 100
    assert "| screenshots |" in told.stdout


def test_shortcuts_prints_a_table_of_what_it_writes(drawn_datasets: Path) -> None:
    out = drawn_datasets / "not" / "there" / "yet" / "shortcuts.json"
    told = run("shortcuts", "--size-px", 64, "--out", out)
    assert told.exit_code == 0, told.output
    written = json.loads(out.read_text())
    lines = told.stdout.splitlines()
    accuracy = written["file"]["size"]["accuracy"]["value"]
    groups = [*written["file"], *written["prepared"]]
    rows = [line for line in lines if line.removeprefix("| ").partition(" |")[0] in groups]
    assert len(rows) == len(groups)
    row = next(line for line in rows if line.startswith("| size |"))
    assert f"| {accuracy:.1%} |" in row


def test_robustness_writes_what_it_prints(drawn_datasets: Path) -> None:
    bundle, out = drawn_datasets / "bundle", drawn_datasets / "robustness.json"
    export_untrained(bundle, size_px=64, width=6)
    told = run("robustness", "--model", bundle, "--fold", 1, "--scans", 3, "--out", out)
    assert told.exit_code == 0, told.output
    written = json.loads(out.read_text())
    assert json.loads(told.stdout) == written
    assert written["folds"] == [1]
    assert list(written["perturbations"]) == list(PERTURBATIONS)
    # Of the two tumours and four healthy heads of that fold.
    for kind, asked in (("healed", 2), ("planted", 4)):
        figures = written["counterfactuals"][kind]
        assert {figure["n"] for figure in figures.values()} == {asked}
        answers = ("called_healthy", "called_a_tumour", "rejected")
        assert sum(figures[answer]["value"] for answer in answers) == pytest.approx(1, abs=1e-3)


def test_an_experiment_is_kept_as_its_run_gave_it(drawn_datasets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_dir, document = drawn_datasets / "build" / "runs" / "tiny" / "fold-1", drawn_datasets / "docs" / "tried.md"
    export_untrained(run_dir / "bundle", size_px=64, width=6)
    scores = score(load_model(run_dir / "bundle"), load_index(drawn_datasets, folds=[1]), report=lambda _: None)
    write_scores(run_dir / "scores.csv", scores)
    (run_dir / "config.json").write_text(json.dumps({"name": "tiny", "epochs": 2, "small_epochs": 0}))
    epochs = [{"epoch": at, "took_s": 30, "logits_accuracy": 0.5 + at / 10} for at in (1, 2)]
    (run_dir / "history.jsonl").write_text("".join(json.dumps(epoch) + "\n" for epoch in epochs))
    document.parent.mkdir()
    document.write_text("<!-- from training/results/experiments.json: tries -->\n<!-- end -->\n")
    monkeypatch.chdir(drawn_datasets)

    told = run("experiment", run_dir, "--table", "tries", "--name", "a try", "--expected", "accuracy=0.9")
    assert told.exit_code == 0, told.output
    kept = json.loads(Path("training/results/experiments.json").read_text())["experiments"]["tries"]["a try"]
    right = sum(one.label is CLASSES[int(np.argmax(one.logits))] for one in scores) / len(scores)
    assert kept["figures"]["accuracy"] == {"value": round(right, 4), "n": 6}
    assert kept["figures"]["healed_called_healthy"]["n"] == 2
    assert kept["figures"]["right_in_training"] == {"value": 0.7}
    assert kept["figures"]["minutes"] == {"value": 1.0}
    assert (kept["left_out"], kept["config"]["name"]) == ("fold-1", "tiny")
    assert f"| accuracy, four classes (n 6) | {right:.1%} (expected 90.0%) |" in document.read_text()
    assert document.read_text().splitlines()[1:-1] == [line for line in told.stdout.splitlines() if line[0] == "|"]


def test_an_experiment_that_is_not_finished_or_misspelt_is_refused(tmp_path: Path) -> None:
    options = ("--table", "tries", "--name", "a try")
    unfinished = run("experiment", tmp_path, *options)
    assert unfinished.exit_code == 1
    assert "scores.csv" in unfinished.output
    misspelt = run("experiment", tmp_path, *options, "--expected", "accuracy")
    assert misspelt.exit_code == 2
    assert "--expected accuracy: expected FIGURE=VALUE" in misspelt.output


def test_options_that_come_in_pairs_must() -> None:
    model = Settings().model_dir
    unpaired = CliRunner().invoke(cli, ["robustness", "--model", str(model), "--fold", "0", "--fold", "1"])
    assert unpaired.exit_code == 2
    assert "1 --model for 2 --fold" in unpaired.output
    unpaired = CliRunner().invoke(cli, ["cost", "--model", str(model), "--run-dir", ".", "--run-dir", "."])
    assert unpaired.exit_code == 2
    assert "2 --run-dir for 1 bundles" in unpaired.output
