"""Experiments side by side, each beside what was expected of it."""

import json
from pathlib import Path

import pytest

from training.publication.documents import filled
from training.publication.experiment_tables import EXPERIMENTS_FILE, experiment_table, keep_experiment

WIDE = {
    "expected": {"accuracy": 0.95, "minutes": 20},
    "figures": {
        "minutes": {"value": 13.5},
        "accuracy": {"value": 0.9412, "n": 861},
        "energy_over_uniform": {"value": 7.812, "n": 534},
    },
}
NARROW = {"figures": {"accuracy": {"value": 0.9, "n": 860}, "energy_over_uniform": {"value": 3.7, "n": 534}}}


def test_a_column_each_and_a_row_for_every_figure() -> None:
    assert experiment_table({"wide": WIDE, "narrow": NARROW}).splitlines() == [
        "| figure | wide | narrow |",
        "| --- | --- | --- |",
        "| accuracy, four classes | 94.1% (expected 95.0%) | 90.0% |",
        "| heatmap's energy in the box, times that of a brain-uniform map (n 534) | 7.812 | 3.7 |",
        "| minutes of training | 13.5 (expected 20) | – |",
    ]


def test_experiments_are_kept_side_by_side_and_fill_documents(tmp_path: Path) -> None:
    for name, experiment in (("wide", NARROW), ("narrow", NARROW), ("wide", WIDE)):
        keep_experiment(tmp_path, table="width", name=name, experiment=experiment)
    assert json.loads((tmp_path / EXPERIMENTS_FILE).read_text())["experiments"] == {
        "width": {"wide": WIDE, "narrow": NARROW}
    }
    marked = f"<!-- from {EXPERIMENTS_FILE}: width -->\n<!-- end -->\n"
    assert experiment_table({"wide": WIDE, "narrow": NARROW}) in filled(marked, root=tmp_path)
    with pytest.raises(ValueError, match="no table or section depth"):
        filled(marked.replace("width", "depth"), root=tmp_path)
