"""How much each kind of network was tuned: a comparison is fair where the other one had as many tries."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from training.publication.tables import markdown_table

Document = Mapping[str, Any]
Run = tuple[str, str, float | None]  # settings, what was left out, and what tells a run from its repetition

_OURS_BEFORE = "ours, until the shipped recipe was chosen"
_OURS_SINCE = "ours since, nothing of it shipped"
_RIVAL = "MobileNetV2"
_BEFORE_THE_CHOICE = frozenset(
    {
        *("first", "more", "outline", "taught", "pyramid", "counterfactual"),
        *("cells", "sewn", "crops", "cells-folds", "stripped"),
    }
)  # tables of experiments; whatever else tries a network of ours came later
_SHIPPED = "cnn-stripped"  # its other folds are in later tables, beside what was tried then
_RUNS = {"each fold in turn": 5}  # one line in a table, that many trainings


def tuning_table(document: Document) -> str:
    """Trainings by what they tried, each counted once however many tables show it. A source left out is no try."""
    runs: dict[Run, tuple[str, int, float | None]] = {}
    for kind, experiment in _by_kind(document["experiments"]):
        left_out, minutes = experiment["left_out"], experiment["figures"].get("minutes", {}).get("value")
        if not left_out.startswith("without-"):
            run = _run_of(experiment, minutes)
            kind_at_first, _, known = runs.get(run, (kind, 0, None))
            runs[run] = kind_at_first, _RUNS.get(left_out, 1), minutes or known
    tried = {
        kind: [(count, minutes) for of, count, minutes in runs.values() if of == kind]
        for kind in (_OURS_BEFORE, _OURS_SINCE, _RIVAL)
    }
    return markdown_table(
        ("tried", "trainings", "minutes of training", "known of"),
        (
            (
                kind,
                f"{sum(count for count, _ in trainings):,}",
                f"{sum(count * minutes for count, minutes in trainings if minutes):,.0f}",
                f"{sum(count for count, minutes in trainings if minutes):,}",
            )
            for kind, trainings in tried.items()
        ),
    )


def _by_kind(experiments: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Document]]:
    for table, tried in experiments.items():
        for experiment in tried.values():
            if "mobilenetv2" in (experiment.get("settings") or experiment["config"]["architecture"]):
                yield _RIVAL, experiment
            else:
                early = table in _BEFORE_THE_CHOICE or experiment.get("config", {}).get("name") == _SHIPPED
                yield _OURS_BEFORE if early else _OURS_SINCE, experiment


def _run_of(experiment: Document, minutes: float | None) -> Run:
    """The same settings twice are two trainings if they took other minutes or, of old ones, came to another end."""
    if "config" in experiment:
        return json.dumps(experiment["config"], sort_keys=True), experiment["left_out"], minutes
    return experiment["settings"], experiment["left_out"], experiment["figures"]["accuracy"]["value"]
