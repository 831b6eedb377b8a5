"""Has a bundle score scans before `neurobatch evaluate` makes figures of them: folds of the data set, or a folder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurobatch.command_lines import evaluate_command, shown_path

if TYPE_CHECKING:
    from training.dataset.slices import Slice
    from training.evaluation.outcomes import Outcomes

    Evaluated = tuple[dict[str, Any], Outcomes, list[Slice]]

_LEFT_OUT = "one network on patients left out of its training"
_SEEN = "one network on patients that it was trained on, so these figures say nothing of others"
_A_FOLDER = "one network on a folder, whatever it was trained on"


def evaluate_folds(folder: Path, folds: tuple[int, ...]) -> Evaluated:
    """The figures of the bundle in `folder` on folds of the data set, with their slices.

    Raises ValueError for no such fold, and NeurobatchError for a bundle or an index that is none.
    """
    from training.dataset.slices import datasets_dir, load_index

    slices = load_index(datasets_dir(), folds=folds)
    words = (word for fold in folds for word in ("--fold", str(fold)))
    how = _SEEN if _has_seen(folder, slices) else _LEFT_OUT
    return *_of_bundle(folder, slices, words=words, how=how), slices


def _has_seen(folder: Path, slices: Iterable[Slice]) -> bool:
    """Whether a bundle says that it was trained on the folds, and the sources, of any of these."""
    from training.export import SOURCES
    from worker.inference.bundle import read_bundle

    told = re.search(r"all scans of folds ([\d, ]+)", json.dumps(dict(read_bundle(folder).description)))
    seen = set(map(int, told[1].split(","))) if told else set()
    return any(item.fold in seen and item.source in SOURCES for item in slices)


def evaluate_folder(folder: Path, data: Path, *, trained_on: Path | None, out: Path) -> Evaluated:
    """The figures of the bundle in `folder` on labelled pictures in `data`, with their slices.

    With `trained_on` those that show a slice of it are listed in `out`/seen.csv before anything is scored. Raises
    UnusableData for a folder that is none, and NeurobatchError for a bundle that is none.
    """
    from training.dataset.own_data import load_to_score
    from training.dataset.seen import SEEN_FILE

    slices = load_to_score(data, report=_tell)
    (out / SEEN_FILE).unlink(missing_ok=True)
    words = ["--data", shown_path(data)]
    found: dict[str, Any] = {}
    if trained_on:
        words += ["--trained-on", shown_path(trained_on)]
        found["seen_in_training"] = {"scans": _list_seen(slices, trained_on=trained_on, path=out / SEEN_FILE)}
    evaluation, outcomes = _of_bundle(folder, slices, words=words, how=_A_FOLDER)
    del evaluation["by_fold"], evaluation["measured"]["folds"]  # the folder has none that means anything to the bundle
    return evaluation | found, outcomes, slices


def _of_bundle(
    folder: Path, slices: Sequence[Slice], *, words: Iterable[str], how: str
) -> tuple[dict[str, Any], Outcomes]:
    """The figures of the network on the slices, and what comes of these scans with its gate before it."""
    import numpy as np

    from training.evaluation.calibrate import calibration_of
    from training.evaluation.outcomes import outcomes_of
    from training.evaluation.report import evaluate_bundle
    from training.evaluation.scoring import score
    from training.evaluation.served import served_figures, turned_away
    from worker.inference.model import load_model

    loaded = load_model(folder)
    calibration = calibration_of(loaded)
    table = score(loaded, slices, report=lambda line: click.echo(f"\r{line}", nl=False, err=True))
    click.echo(err=True)
    command = evaluate_command("--model", shown_path(folder), *words)
    evaluation = evaluate_bundle(table, model=loaded.name, calibration=calibration, command=command, how=how)
    outcomes = outcomes_of(table, dict.fromkeys({item.fold for item in slices}, calibration))
    rejected = np.fromiter(turned_away(loaded, (item.path.read_bytes() for item in slices)), bool)
    return evaluation | {"served": served_figures(outcomes, rejected)}, outcomes


def _list_seen(slices: Sequence[Slice], *, trained_on: Path, path: Path) -> dict[str, Any]:
    """The share of slices that show one of `trained_on`, as a rate."""
    from training.dataset.seen import find_seen, write_seen

    found = find_seen(slices, trained_on=trained_on, report=_tell)
    write_seen(path, found)
    of_all = f"of {len(slices)} pictures show a slice of {trained_on}"
    if found:
        _tell(f"warning: at least {len(found)} {of_all}: what is right of these may be remembered. They are in {path}")
    else:
        _tell(f"none {of_all}, as far as was looked")
    return {"value": round(len(found) / len(slices), 4), "n": len(slices)}


def _tell(line: str) -> None:
    click.echo(line, err=True)
