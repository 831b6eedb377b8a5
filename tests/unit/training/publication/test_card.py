import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.settings import Settings
from tests.unit.training.synthetic import honest_scores
from training.evaluation.calibrate import Calibration
from training.evaluation.report import evaluate_bundle, evaluate_out_of_fold
from training.publication.card import card
from training.publication.documents import fill_documents, filled
from training.publication.record import record, with_recorded_sections

DESCRIPTION = {
    "name": "tried-1",
    "version": "1",
    "input": {"size_px": 160, "channels": 1},
    "parameters": 1234567,
    "sha256": "5e",
    "licence": "Apache-2.0",
    "training_data": "drawn numbers",
    "metrics": {},
}
SHORTCUTS = {
    "note": "Trained without a source, tested on it.",
    "left_out": {"sartaj": {"value": 0.5613, "n": 311, "interval": [0.5, 0.62]}},
    "epochs": 12,
}


@pytest.fixture(scope="module")
def evaluation() -> dict[str, Any]:
    return evaluate_out_of_fold(honest_scores(600), model="tried-1", command="neurobatch evaluate --scores s.csv")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "tried-1"
    folder.mkdir(parents=True)
    uncalibrated = {"temperature": 1.0, "review_below": 0.6, "distance": {"review_beyond": 1e9, "sha256": "abc"}}
    (folder / "bundle.json").write_text(json.dumps(DESCRIPTION | uncalibrated))
    return folder


def test_the_card_holds_the_figures_and_says_how_they_were_measured(evaluation: dict[str, Any]) -> None:
    text = card(DESCRIPTION, evaluation, pictures="plots")
    accuracy = evaluation["headline"]["accuracy"]
    low, high = accuracy["interval"]
    assert f"| accuracy, four classes | {accuracy['value']:.1%} | {100 * low:.1f}–{high:.1%} | 600 |" in text
    assert evaluation["measured"]["how"] in text
    assert "neurobatch evaluate --scores s.csv" in text
    assert "1,234,567 parameters" in text
    assert "not a medical device" in text
    for heading in ("Intended use", "Factors", "Metrics", "Quantitative analyses", "Ethical considerations", "Caveats"):
        assert re.search(f"^## {heading}", text, flags=re.MULTILINE)
    assert "![Confusion matrix](plots/confusion.png)" in text
    assert "plots/training.png" not in text  # no run was recorded


def test_another_figure_makes_another_card(evaluation: dict[str, Any]) -> None:
    other = json.loads(json.dumps(evaluation))
    other["headline"]["tumour_called_healthy"]["value"] = 0.4321
    assert "43.2%" in card(DESCRIPTION, other, pictures="plots")
    assert "43.2%" not in card(DESCRIPTION, evaluation, pictures="plots")


def test_of_somebodys_own_data_nothing_is_told_that_is_true_of_the_shared_data_set_alone(
    evaluation: dict[str, Any],
) -> None:
    shared = ("published without the names", "Every outlined tumour comes from one source", "docs/experiments.md")
    measured = evaluation["measured"] | {"scans": {"own": 600}, "patients": {"own": 600}}
    own = card(DESCRIPTION, evaluation | {"measured": measured}, pictures="plots")
    ours = card(DESCRIPTION, evaluation, pictures="plots")
    for words in shared:
        assert words in ours
        assert words not in own
    assert "a network can learn the scanner" in own


def test_what_there_is_no_data_for_is_left_out() -> None:
    own = [replace(score, source="own", heatmap=None) for score in honest_scores(200)]
    text = card(DESCRIPTION, evaluate_out_of_fold(own, model="tried-1", command="-"), pictures="plots")
    assert "| accuracy, four classes |" in text
    assert "| – | – | 0 |" not in text
    for unmeasured in ("figshare", "heatmap's", "the size of the tumour"):
        assert unmeasured not in text


def test_no_figure_is_typed(evaluation: dict[str, Any]) -> None:
    """Without its tables, its JSON's words and its citations the card has no digit in it."""
    text = card(DESCRIPTION, evaluation, pictures="plots")
    text = "\n".join(line for line in text.splitlines() if not line.startswith("|"))
    for said in (
        *evaluation["measured"].values(),
        *("1,234,567", "160 x 160", "Apache-2.0", "tried-1", "Version 1"),
        f"temperature {evaluation['calibration']['bundle']['temperature']:.4g}",
        f"{evaluation['calibration']['bundle']['healthy_offset']:.4g} is added",
    ):
        text = text.replace(str(said), "")
    text = re.sub(r"et al\. \d{4}", "", text)
    assert not re.search(r"\d", text), re.findall(r".*\d.*", text)


def test_sections_that_were_measured_elsewhere_are_shown(evaluation: dict[str, Any]) -> None:
    text = card(DESCRIPTION, evaluation | {"shortcuts": SHORTCUTS}, pictures="plots")
    assert "### Shortcuts\n\nTrained without a source, tested on it.\n" in text
    assert "| left out, sartaj | 56.1% (50.0–62.0%) | 311 |" in text
    assert "| epochs | 12 |  |" in text


def test_recording_writes_json_card_metrics_pictures_and_table(
    bundle: Path, evaluation: dict[str, Any], tmp_path: Path
) -> None:
    scores = tmp_path / "out-of-fold.csv"
    scores.write_text("the table")
    record(evaluation, bundle, scores=scores)
    assert json.loads((bundle / "evaluation.json").read_text()) == evaluation
    assert json.loads((bundle / "bundle.json").read_text())["metrics"]["figures"] == evaluation["headline"]
    assert (bundle / "scores.csv").read_text() == "the table"
    shown = re.findall(r"\]\((\S+\.png)\)", (bundle / "README.md").read_text())
    assert len(shown) == 6
    assert all((bundle / path).is_file() for path in shown)
    record(evaluation, bundle, scores=bundle / "scores.csv")


def test_a_cross_validation_calibrates_its_bundle(bundle: Path, evaluation: dict[str, Any], tmp_path: Path) -> None:
    record(evaluation, bundle)
    fitted, described = evaluation["calibration"]["bundle"], json.loads((bundle / "bundle.json").read_text())
    assert described["temperature"] == fitted["temperature"] != 1.0
    assert described["review_below"] == fitted["review_below"]
    assert described["distance"] == {"review_beyond": fitted["review_beyond"], "sha256": "abc"}


def test_a_fold_that_a_bundle_was_scored_on_leaves_its_calibration_alone(bundle: Path, tmp_path: Path) -> None:
    served = Calibration(temperature=1.0, healthy_offset=0.0, review_below=0.6, review_beyond=1e9)
    found = evaluate_bundle(honest_scores(200), model="tried-1", calibration=served, command="-", how="-")
    before = json.loads((bundle / "bundle.json").read_text())
    record(found, bundle)
    after = json.loads((bundle / "bundle.json").read_text())
    assert {**after, "metrics": {}} == before
    assert after["metrics"]["figures"] == found["headline"]


def test_what_took_its_own_measuring_stays_when_the_rest_is_renewed(bundle: Path, evaluation: dict[str, Any]) -> None:
    (bundle / "evaluation.json").write_text(json.dumps({"model": "old", "headline": {}, "shortcuts": SHORTCUTS}))
    kept = with_recorded_sections(evaluation, bundle)
    assert kept["shortcuts"] == SHORTCUTS
    assert kept["model"] == "tried-1"
    record(kept, bundle)
    assert "### Shortcuts" in (bundle / "README.md").read_text()
    renewed = with_recorded_sections(evaluation | {"shortcuts": {"note": "new"}}, bundle)
    assert renewed["shortcuts"] == {"note": "new"}


def test_what_was_measured_of_other_weights_does_not_stay(bundle: Path, evaluation: dict[str, Any]) -> None:
    other = {"model": "old", "weights_sha256": "0f", "shortcuts": SHORTCUTS}
    (bundle / "evaluation.json").write_text(json.dumps(other))
    assert "shortcuts" not in with_recorded_sections(evaluation, bundle)


def test_marked_tables_of_documents_are_filled(bundle: Path, evaluation: dict[str, Any], tmp_path: Path) -> None:
    (bundle / "evaluation.json").write_text(json.dumps(evaluation | {"shortcuts": SHORTCUTS}))
    marks = "<!-- from models/tried-1/evaluation.json: {} -->\nold\n<!-- end -->\n"
    text = f"Words.\n{marks.format('headline')}More.\n{marks.format('shortcuts')}"
    (tmp_path / "docs").mkdir()
    document = tmp_path / "docs" / "model.md"
    document.write_text(text)
    assert fill_documents(tmp_path) == [document]
    new = document.read_text()
    assert new.startswith("Words.\n<!-- from models/tried-1/evaluation.json: headline -->\n| figure |")
    assert "More.\n" in new
    assert "left out, sartaj" in new
    assert "\nold\n" not in new
    assert fill_documents(tmp_path) == []
    with pytest.raises(ValueError, match="no table or section nothing"):
        filled(marks.format("nothing"), root=tmp_path)


def test_a_bundles_own_caveats_and_its_weakest_class_are_told(evaluation: dict[str, Any]) -> None:
    text = card(DESCRIPTION | {"caveats": ["It was trained in a hurry."]}, evaluation, pictures="plots")
    assert text.endswith("* It was trained in a hurry.\n")
    other = json.loads(json.dumps(evaluation))
    other["by_class"]["sensitivity"]["pituitary"]["value"] = 0.1
    assert "The weakest class is pituitary:" in card(DESCRIPTION, other, pictures="plots")


@pytest.mark.parametrize(
    "folder",
    sorted(path.parent for path in Settings().model_dir.parent.glob("*/bundle.json")),
    ids=lambda folder: folder.name,
)
def test_each_shipped_network_tells_what_is_wrong_with_it_and_what_it_is_for(folder: Path) -> None:
    described = json.loads((folder / "bundle.json").read_text())
    assert len(described["caveats"]) >= (3 if folder == Settings().model_dir else 1)
    assert "not a medical device" in described["intended_use"]
    shown = (folder / "README.md").read_text()
    assert all(f"* {caveat}\n" in shown for caveat in described["caveats"])
