"""`neurobatch evaluate` and `neurobatch compare` as they are typed, from tables of scores."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner

from neurobatch.cli import cli
from tests.unit.training.brains import Picture, draw_brain, mirror
from tests.unit.training.evaluation.test_comparison import COST
from tests.unit.training.synthetic import honest_scores
from training.evaluation.calibrate import calibration_of, fit_calibration
from training.evaluation.scores import read_scores, write_scores
from training.export import export_untrained
from worker.inference.model import load_model


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with two runs and a document."""
    for name, sharpened in (("ours", 1.0), ("plain", 2.0)):
        write_scores(tmp_path / "build" / "runs" / name / "out-of-fold.csv", honest_scores(400, sharpened=sharpened))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "model.md").write_text(
        "<!-- from models/ours-1/evaluation.json: headline -->\n<!-- end -->\n"
        "<!-- from models/ours-1/evaluation.json: gate -->\n<!-- end -->\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def typed(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == code, result.output
    return result.output


def save_brain(path: Path, picture: Picture) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def test_scores_are_evaluated_without_a_network(repository: Path) -> None:
    printed = typed("evaluate", "--scores", "build/runs/ours/out-of-fold.csv")
    found = repository / "build" / "evaluation" / "ours"
    evaluation = json.loads((found / "evaluation.json").read_text())
    assert evaluation["model"] == "ours"
    assert f"{evaluation['headline']['accuracy']['value']:.1%}" in printed
    assert (found / "confusion.png").is_file()


def test_an_evaluation_is_recorded_in_its_bundle_and_the_documents(repository: Path) -> None:
    table = repository / "build" / "runs" / "ours" / "out-of-fold.csv"
    bundle = repository / "models" / "ours-1"
    export_untrained(bundle, size_px=32, width=6)
    (repository / "gate.json").write_text(json.dumps({"rejected": {"value": 0.99, "n": 150}}))
    typed(
        *("evaluate", "--scores", str(table), "--model", "models/ours-1"),
        *("--section", "gate=gate.json", "--out", "tried", "--record"),
    )
    evaluation = json.loads((bundle / "evaluation.json").read_text())
    assert json.loads((bundle / "bundle.json").read_text())["metrics"]["figures"] == evaluation["headline"]
    # What is served is what was fitted on all folds.
    assert calibration_of(load_model(bundle)) == fit_calibration(read_scores(table))
    assert evaluation["gate"]["rejected"]["value"] == 0.99
    document = (repository / "docs" / "model.md").read_text()
    assert "| rejected | 99.0% | 150 |" in document
    # The command that the card names gives the same bytes again.
    card = (bundle / "README.md").read_text()
    command = evaluation["measured"]["command"]
    assert command in card
    recorded = (bundle / "evaluation.json").read_bytes()
    typed(*command.split()[1:], "--out", "tried", "--record")
    assert (bundle / "evaluation.json").read_bytes() == recorded
    assert (bundle / "README.md").read_text() == card


def test_the_command_that_a_card_names_holds_the_paths_as_they_are(repository: Path) -> None:
    bundle, table = repository / "kept" / "mine-1", "build/runs/ours/out-of-fold.csv"
    export_untrained(bundle, size_px=32, width=6)
    typed("evaluate", "--scores", table, "--model", "kept/mine-1", "--out", "tried")
    evaluation = json.loads((repository / "tried" / "evaluation.json").read_text())
    assert evaluation["measured"]["command"] == f"neurobatch evaluate --scores {table} --model kept/mine-1"
    (repository / "docs" / "model.md").unlink()  # of a bundle that is not here
    typed("evaluate", "--scores", table, "--model", str(bundle), "--out", "tried", "--record")
    command = "neurobatch evaluate --scores kept/mine-1/scores.csv --model kept/mine-1"
    assert f"Reproduce with `{command}`." in (bundle / "README.md").read_text()
    assert (bundle / "scores.csv").is_file()


def test_other_splits_stand_beside_the_cross_validation(repository: Path) -> None:
    table = repository / "build" / "runs" / "ours" / "out-of-fold.csv"
    scores = read_scores(table)
    runs = repository / "build" / "runs" / "ours"
    write_scores(runs / "without-sartaj" / "scores.csv", [score for score in scores if score.source == "sartaj"])
    write_scores(runs / "record-wise" / "scores.csv", scores[::5])
    (repository / "curves" / "fold-2").mkdir(parents=True)
    (repository / "curves" / "fold-2" / "config.json").write_text('{"small_epochs": 0, "epochs": 1}')
    epoch = {
        "epoch": 1,
        "took_s": 90.0,
        "logits_accuracy": 0.5,
        "logits_loss": 1.25,
        "val_accuracy": 0.4,
        "val_loss": 1.5,
    }
    (repository / "curves" / "fold-2" / "history.jsonl").write_text(json.dumps(epoch) + "\n")
    typed(
        *("evaluate", "--scores", str(table), "--run-dir", "curves", "--out", "tried"),
        *("--unseen-source", "build/runs/ours/without-sartaj/scores.csv"),
        *("--record-wise", "build/runs/ours/record-wise/scores.csv"),
    )
    evaluation = json.loads((repository / "tried" / "evaluation.json").read_text())
    assert evaluation["unseen_sources"]["sartaj, never seen"]["accuracy"]["n"] > 0
    assert evaluation["record_wise"]["parted by picture"] == evaluation["record_wise"]["parted by patient"]
    assert evaluation["training"]["2"]["minutes"] == 1.5
    assert (repository / "tried" / "training.png").is_file()
    assert "go with --scores" in typed("evaluate", "--fold", "0", "--record-wise", str(table), code=2)
    assert "hold 3 sources" in typed("evaluate", "--scores", str(table), "--unseen-source", str(table), code=1)


def test_a_bundle_is_measured_on_a_folder_of_ones_own(repository: Path) -> None:
    """Of three heads two were trained on: one in another format, one mirrored besides."""
    kinds = ("glioma", "notumor", "pituitary")
    for seed, kind in enumerate(kinds):
        save_brain(repository / "mine" / kind / f"{seed}.png", draw_brain(seed))
    save_brain(repository / "trained" / "glioma" / "a.jpg", draw_brain(0))
    save_brain(repository / "trained" / "notumor" / "b.jpg", mirror(draw_brain(1)))
    save_brain(repository / "trained" / "notumor" / "c.jpg", draw_brain(7))
    export_untrained(repository / "models" / "mine-1", size_px=32, width=6)
    told = typed(
        *("evaluate", "--data", "mine", "--model", "models/mine-1"),
        *("--trained-on", "trained", "--out", "tried", "--gallery"),
    )
    assert "3 clusters of near-duplicates stand for patients" in told
    assert "at least 2 of 3 pictures show a slice of trained" in told
    evaluation = json.loads((repository / "tried" / "evaluation.json").read_text())
    assert evaluation["headline"]["accuracy"]["n"] == evaluation["served"]["right"]["n"] == 3
    assert evaluation["seen_in_training"]["scans"] == {"value": 0.6667, "n": 3}
    assert evaluation["measured"]["command"] == (
        "neurobatch evaluate --model models/mine-1 --data mine --trained-on trained"
    )
    with (repository / "tried" / "seen.csv").open(newline="") as file:
        seen = {row["file"]: row for row in csv.DictReader(file)}
    assert {name: (row["trained_on"], row["mirrored"]) for name, row in seen.items()} == {
        "glioma/0.png": ("glioma/a.jpg", "0"),
        "notumor/1.png": ("notumor/b.jpg", "1"),
    }


def test_what_does_not_go_with_a_folder_of_ones_own_is_told(repository: Path) -> None:
    (repository / "mine" / "glioma").mkdir(parents=True)
    assert "no class folder with a picture" in typed("evaluate", "--data", "mine", code=1)
    (repository / "mine" / "glioma" / "a.png").write_text("no picture")
    assert "glioma/a.png" in typed("evaluate", "--data", "mine", code=1)
    assert "may have been seen" in typed("evaluate", "--data", "mine", "--record", code=2)
    assert "--randomised" in typed("evaluate", "--data", "mine", "--randomised", code=2)
    assert "goes with --data" in typed("evaluate", "--fold", "0", "--trained-on", "mine", code=2)


def test_networks_are_compared_with_their_costs(repository: Path) -> None:
    measured = [COST | {"bundle": "build/runs/plain/all/bundle"}, COST | {"bundle": "models/elsewhere"}]
    (repository / "costs.json").write_text(json.dumps({"models": measured}))
    printed = typed(
        *("compare", "build/runs/ours/out-of-fold.csv", "build/runs/plain/out-of-fold.csv"),
        *("--costs", "costs.json", "--out", "compared"),
    )
    assert "| figure | ours | plain |" in printed
    assert "| parameters | – | 1,000 |" in printed
    assert (repository / "compared" / "comparison.md").read_text().strip() == printed.strip()
    comparison = json.loads((repository / "compared" / "comparison.json").read_text())
    assert comparison["costs"] == {"plain": COST}
    # Twice the logits are the same answers, and the same probabilities once each is calibrated.
    assert comparison["differences"][0]["figures"]["accuracy"]["p"] == 1
    assert (repository / "compared" / "comparison.png").is_file()


def test_networks_together_are_compared_and_evaluated_as_one_more(repository: Path) -> None:
    tables = ("build/runs/ours/out-of-fold.csv", "build/runs/plain/out-of-fold.csv")
    assert "| figure | ours | plain | ensemble |" in typed("compare", *tables, "--ensemble", "--out", "compared")
    alone = typed("evaluate", "--scores", "compared/ensemble/scores.csv", "--out", "evaluated")
    comparison = json.loads((repository / "compared" / "comparison.json").read_text())
    evaluation = json.loads((repository / "evaluated" / "evaluation.json").read_text())
    for figure in ("accuracy", "accuracy_at_90_coverage"):
        assert comparison["figures"][figure]["ensemble"] == evaluation["headline"][figure]
    assert "heatmap's peak" not in alone


def test_what_cannot_be_evaluated_is_told_in_a_line(repository: Path) -> None:
    assert "one of --scores, --fold and --data" in typed("evaluate", code=2)
    one_fold = repository / "build" / "one.csv"
    write_scores(one_fold, [score for score in honest_scores(100) if score.fold == 1])
    assert "takes scores of others" in typed("evaluate", "--scores", str(one_fold), code=1)
    shutil.copy(repository / "docs" / "model.md", repository / "build" / "no.csv")
    assert "columns differ" in typed("evaluate", "--scores", "build/no.csv", code=1)
    assert "NAME=FILE" in typed("evaluate", "--scores", str(one_fold), "--section", "gate", code=2)
    assert "two tables or more" in typed("compare", str(one_fold), code=1)
    assert "same name" in typed("compare", str(one_fold), str(one_fold), code=2)
