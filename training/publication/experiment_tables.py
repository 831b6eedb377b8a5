"""What was tried, expected and measured, as a file that keeps it and as tables for docs/experiments.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.evaluation.report import write_document
from training.publication.tables import markdown_table
from training.publication.wording import name_of, number_in_words, value_in_words

EXPERIMENTS_FILE = Path("training") / "results" / "experiments.json"
_ABOUT = (
    "What was tried, by table and name: the settings, the fold or source left out, what was expected, what came. "
    "`neurobatch experiment` writes it from a run's own files; where `noted` says so the figures were copied from what "
    "was written down at the time, and the run's scores were not kept. `scores`: the table that they follow from."
)
_NUMBERS = frozenset({"energy_over_uniform", "minutes"})  # all others are shares, or have digits of their own
_ORDER = (
    *("accuracy", "figshare_tumour_accuracy", "accuracy_br35h", "accuracy_sartaj"),
    *("tumour_called_healthy", "healthy_called_tumour"),
    *("peak_in_box", "peak_in_outline", "energy_over_uniform"),
    *("healed_called_healthy", "planted_called_a_tumour", "planted_called_the_right_one"),
    *("stripped_tumour_called_healthy", "stripped_tumour_called_the_right_one", "stripped_healthy_called_tumour"),
)  # first; then whatever else there is

Document = Mapping[str, Any]


def experiment_table(experiments: Mapping[str, Document]) -> str:
    """A row for each figure and a column for each experiment, beside what was expected of it where that was said."""
    there = dict.fromkeys(figure for experiment in experiments.values() for figure in experiment["figures"])
    figures = [figure for figure in dict.fromkeys((*_ORDER, *there)) if figure in there]
    return markdown_table(
        ("figure", *experiments),
        (
            (_titled(figure, experiments), *(_cell(figure, experiment) for experiment in experiments.values()))
            for figure in figures
        ),
    )


def keep_experiment(root: Path, *, table: str, name: str, experiment: Document) -> None:
    """Write one experiment into the file of the repository at `root`; one of that name is replaced."""
    path = root / EXPERIMENTS_FILE
    tables = json.loads(path.read_text())["experiments"] if path.is_file() else {}
    tables.setdefault(table, {})[name] = experiment
    write_document(path, {"about": _ABOUT, "experiments": tables})


def _titled(figure: str, experiments: Mapping[str, Document]) -> str:
    """The figure's name, with n where all count the same scans."""
    counts = {each["figures"][figure].get("n") for each in experiments.values() if figure in each["figures"]}
    n = counts.pop() if len(counts) == 1 else None
    return f"{name_of(figure)} (n {n:,})" if n else name_of(figure)


def _cell(figure: str, experiment: Document) -> str:
    if figure not in experiment["figures"]:
        return "–"
    words = _in_words(figure, experiment["figures"][figure]["value"])
    expected = experiment.get("expected", {})
    return f"{words} (expected {_in_words(figure, expected[figure])})" if figure in expected else words


def _in_words(figure: str, value: float) -> str:
    return number_in_words(value) if figure in _NUMBERS else value_in_words(figure, value)
