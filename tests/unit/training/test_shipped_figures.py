"""Every figure shown in cards, documents and bundles is that of an evaluation.json, and that one is of its table."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from shared.settings import Settings
from training.config import load_config
from training.evaluation.comparison import compare
from training.evaluation.ensemble import ensemble_of
from training.evaluation.experiment import figures_of_scores
from training.evaluation.history import read_histories
from training.evaluation.report import EVALUATION_FILE, evaluate_out_of_fold, headline
from training.evaluation.scores import SCORES_FILE, read_scores
from training.evaluation.split_figures import record_wise, unseen_sources
from training.publication.card import CARD_FILE, PLOTS, card
from training.publication.documents import documents_of, filled
from training.publication.experiment_tables import EXPERIMENTS_FILE
from training.publication.plots.all import pictures_of

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = Settings().model_dir
BUNDLES = sorted(path.parent for path in ROOT.glob("models/*/bundle.json"))


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


@pytest.fixture(params=BUNDLES, ids=lambda path: path.name)
def bundle(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_there_are_bundles() -> None:
    assert BUNDLES


def test_what_v1_models_shows_is_the_evaluation(bundle: Path) -> None:
    assert read(bundle / "bundle.json")["metrics"] == headline(read(bundle / EVALUATION_FILE))


def test_the_card_is_the_evaluation(bundle: Path) -> None:
    evaluation = read(bundle / EVALUATION_FILE)
    assert evaluation["model"] == bundle.name
    assert (bundle / CARD_FILE).read_text() == card(read(bundle / "bundle.json"), evaluation, pictures=PLOTS)
    for name in pictures_of(evaluation):
        picture = bundle / PLOTS / f"{name}.png"
        assert 5_000 < picture.stat().st_size < 60_000


def test_the_evaluation_is_its_tables(bundle: Path) -> None:
    """Where the bundle came of a cross-validation its table of scores lies beside it, and gives every figure again."""
    evaluation = read(bundle / EVALUATION_FILE)
    table = bundle / SCORES_FILE
    assert table.is_file() == ("by_fold" in evaluation["calibration"])
    if table.is_file():
        again = evaluate_out_of_fold(read_scores(table), model=bundle.name, command=evaluation["measured"]["command"])
        for name, section in again.items():
            assert_close(section, evaluation[name], at=name)
        described = read(bundle / "bundle.json")
        served = {name: described[name] for name in ("temperature", "healthy_offset", "review_below")}
        served["review_beyond"] = described["distance"]["review_beyond"]
        assert served == evaluation["calibration"]["bundle"]


def test_an_evaluation_without_a_bundle_is_its_table_and_its_runs() -> None:
    kept = sorted(ROOT.glob(f"training/results/*/{EVALUATION_FILE}"))
    assert kept
    for path in kept:
        evaluation, table = read(path), read_scores(path.with_name(SCORES_FILE))
        again = evaluate_out_of_fold(table, model=path.parent.name, command=evaluation["measured"]["command"])
        for name, section in again.items():
            assert_close(section, evaluation[name], at=name)
        assert evaluation["training"] == read_histories(path.parent)


def test_how_the_networks_learned_is_what_their_runs_wrote_down() -> None:
    kept = 0
    for bundle in BUNDLES:
        results = ROOT / "training" / "results" / bundle.name.rpartition("-")[0]
        learned = read(bundle / EVALUATION_FILE).get("training", {})
        if learned and (written := read_histories(results)):
            assert learned == written, bundle.name
            kept += 1
    assert kept >= 2


def test_what_other_splits_give_is_their_tables(bundle: Path) -> None:
    evaluation = read(bundle / EVALUATION_FILE)
    results = ROOT / "training" / "results" / bundle.name.rpartition("-")[0]
    if "unseen_sources" in evaluation:
        unseen = [read_scores(path / SCORES_FILE) for path in sorted(results.glob("without-*"))]
        again = unseen_sources(unseen, read_scores(bundle / SCORES_FILE))
        assert_close(again, evaluation["unseen_sources"], at="unseen_sources")
    if "record_wise" in evaluation:
        table = read_scores(results / "record-wise" / SCORES_FILE)
        again = record_wise(table, read_scores(bundle / SCORES_FILE))
        assert_close(again, evaluation["record_wise"], at="record_wise")


@pytest.mark.parametrize("path", ["models/comparison.json", "training/results/ensemble.json"])
def test_a_comparison_is_its_tables(path: str) -> None:
    kept = read(ROOT / path)
    folders = {name: (ROOT / "models" / name, ROOT / "training" / "results" / name) for name in kept["models"]}
    tables = {
        name: read_scores((bundle if bundle.is_dir() else results) / SCORES_FILE)
        for name, (bundle, results) in folders.items()
        if name != "ensemble"
    }
    if "ensemble" in kept["models"]:
        tables["ensemble"] = ensemble_of(list(tables.values()))
    assert_close(compare(tables, kept["costs"]), kept, at=path)


def test_the_tables_of_the_documents_are_the_evaluations() -> None:
    marked = [path for path in documents_of(ROOT) if "<!-- from " in path.read_text()]
    assert ROOT / "docs" / "model.md" in marked
    for path in marked:
        assert path.read_text() == filled(path.read_text(), root=ROOT), path.name


def test_doubted_labels_alone_are_more_than_one_healthy_head_in_a_hundred() -> None:
    """As the words below the table of aims say."""
    evaluation = read(SHIPPED / EVALUATION_FILE)
    called = evaluation["doubted_labels"]["called_a_tumour"]["all_of_them"]
    assert called["value"] * called["n"] > 0.01 * evaluation["headline"]["healthy_called_tumour"]["n"]


def test_shares_in_the_words_about_shortcuts_are_the_evaluations() -> None:
    text = re.sub(r"^\|.*$", "", (ROOT / "docs" / "shortcuts.md").read_text(), flags=re.MULTILINE)
    told = {float(share) for share in re.findall(r"(\d+\.\d)%", text)}
    measured = {round(100 * value, 1) for value in values_of(read(SHIPPED / EVALUATION_FILE)["shortcuts"])}
    assert len(told) >= 5
    assert told <= measured


def test_no_figure_of_the_experiments_is_typed() -> None:
    text = re.sub(r"^\|.*$", "", (ROOT / "docs" / "experiments.md").read_text(), flags=re.MULTILINE)
    assert re.findall(r"\d+\.\d%", text) == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("training/configs/*.toml")), ids=lambda path: path.stem)
def test_what_a_config_says_it_gave_was_measured(path: Path) -> None:
    told = {float(share) for share in re.findall(r"(\d+\.\d)%", path.read_text())}
    compared = read(ROOT / "models" / "comparison.json")["figures"]
    five_folds = {
        round(100 * each["value"], 1)
        for rates in compared.values()
        for name, each in rates.items()
        if name.startswith(path.stem)
    }
    if (recorded := ROOT / "models" / f"{path.stem}-1" / EVALUATION_FILE).is_file():
        five_folds |= {round(100 * value, 1) for value in values_of(read(recorded)["headline"])}
    settings = {**asdict(load_config(path)), "name": ""}
    one_fold = {
        round(100 * figure["value"], 1)
        for experiment in experiments().values()
        if {**experiment.get("config", {}), "name": ""} == settings
        or str(path.relative_to(ROOT)) in experiment.get("settings", "")
        for figure in experiment["figures"].values()
    }
    assert told
    assert told <= five_folds | one_fold


def test_experiments_whose_scores_are_kept_are_their_tables() -> None:
    kept = {name: each for name, each in experiments().items() if "scores" in each}
    assert len(kept) >= 2
    for name, experiment in kept.items():
        for figure, value in figures_of_scores(read_scores(ROOT / experiment["scores"])).items():
            assert experiment["figures"][figure] == value, f"{name}: {figure}"


def experiments() -> dict[str, Any]:
    """Every experiment by table and name."""
    tables = read(ROOT / EXPERIMENTS_FILE)["experiments"]
    return {f"{table}: {name}": each for table, found in tables.items() for name, each in found.items()}


def values_of(section: Any) -> Iterator[float]:
    """Every number in a section of an evaluation."""
    if isinstance(section, dict):
        for inner in section.values():
            yield from values_of(inner)
    elif isinstance(section, float):
        yield section


def assert_close(one: Any, other: Any, *, at: str) -> None:
    """Equal, but for the last digit of a number: processors differ there."""
    if isinstance(one, dict):
        assert set(one) == set(other), at
        for name in one:
            assert_close(one[name], other[name], at=f"{at}.{name}")
    elif isinstance(one, list):
        assert len(one) == len(other), at
        for number, (first, second) in enumerate(zip(one, other, strict=True)):
            assert_close(first, second, at=f"{at}[{number}]")
    elif isinstance(one, float):
        assert one == pytest.approx(other, abs=2e-4), at
    else:
        assert one == other, at
