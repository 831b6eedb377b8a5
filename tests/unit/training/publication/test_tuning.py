"""Trainings are counted once, and by whom they were for."""

import json
from pathlib import Path
from typing import Any

from training.publication.experiment_tables import EXPERIMENTS_FILE
from training.publication.tuning import tuning_table

ROOT = Path(__file__).resolve().parents[4]


def run(architecture: str, *, minutes: float, left_out: str = "fold-0") -> dict[str, Any]:
    return {
        "left_out": left_out,
        "config": {"architecture": architecture},
        "figures": {"accuracy": {"value": 0.95, "n": 861}, "minutes": {"value": minutes}},
    }


def noted(settings: str, *, left_out: str = "fold-1", minutes: float | None = None) -> dict[str, Any]:
    told = {} if minutes is None else {"minutes": {"value": minutes}}
    return {
        "left_out": left_out,
        "settings": settings,
        "figures": {"accuracy": {"value": 0.96, "n": 860}, **told},
    }


def counted(experiments: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    rows = [line.strip("| ").split(" | ") for line in tuning_table({"experiments": experiments}).splitlines()[2:]]
    return {kind.split(",")[0]: cells for kind, *cells in rows}


def test_a_training_that_two_tables_show_is_one() -> None:
    shown_twice = run("peaks", minutes=30)
    assert counted(
        {
            "stripped": {"shipped": shown_twice, "fold 4": run("peaks", minutes=30, left_out="fold-4")},
            "crops": {"again": shown_twice, "teacher": run("mobilenetv2", minutes=12.6)},
            "longer": {"beside": run("peaks", minutes=55), "shipped": shown_twice},
            "tuning": {"the teacher": run("mobilenetv2", minutes=12.6), "once more": run("mobilenetv2", minutes=21)},
        }
    ) == {
        "ours": ["2", "60", "2"],
        "ours since": ["1", "55", "1"],
        "MobileNetV2": ["2", "34", "2"],
    }


def test_minutes_are_those_that_a_table_knows_and_five_folds_are_five() -> None:
    found = counted(
        {
            "outline": {"five folds": noted("outline.toml", left_out="each fold in turn", minutes=9)},
            "first": {"first": noted("first.toml")},
            "tuning": {"15 epochs": noted("mobilenetv2.toml with 15 epochs")},
            "mobilenetv2": {"15 epochs": noted("mobilenetv2.toml with 15 epochs", minutes=28)},
        }
    )
    assert found["ours"] == ["6", "45", "5"]
    assert found["MobileNetV2"] == ["1", "28", "1"]


def test_a_source_left_out_is_no_try() -> None:
    assert counted({"unseen": {"sartaj": run("peaks", minutes=29, left_out="without-sartaj")}})["ours"][0] == "0"


def test_mobilenetv2_was_tuned_with_as_many_trainings_as_the_shipped_network() -> None:
    found = counted(json.loads((ROOT / EXPERIMENTS_FILE).read_text())["experiments"])
    assert int(found["MobileNetV2"][0]) >= int(found["ours"][0])
