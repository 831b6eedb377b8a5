"""Has a bundle score scans before `neurobatch evaluate` makes figures of them: folds of the data set, or a folder."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from training.dataset.slices import Slice
    from training.evaluation.outcomes import Outcomes

    Evaluated = tuple[dict[str, Any], Outcomes, list[Slice]]


def evaluate_folds(folder: Path, folds: tuple[int, ...]) -> Evaluated:
    """The figures of a bundle on folds of the data set, with their slices."""
    from training.dataset.slices import datasets_dir, load_index

    slices = load_index(datasets_dir(), folds=folds)
    words = (word for fold in folds for word in ("--fold", str(fold)))
    return *_of_bundle(folder, slices, words=words, how="one network on patients left out of its training"), slices


def evaluate_folder(folder: Path, data: Path, *, trained_on: Path | None) -> Evaluated:
    """The figures of a bundle on a folder of one's own, with its slices."""
    from training.dataset.own_data import load_to_score

    slices = load_to_score(data, report=lambda line: click.echo(line, err=True))
    words = ("--data", shown(data), *(("--trained-on", shown(trained_on)) if trained_on else ()))
    return *_of_bundle(folder, slices, words=words, how="one network on a folder, whoever it was trained on"), slices


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
    told = command("--model", shown(folder), *words)
    evaluation = evaluate_bundle(table, model=loaded.name, calibration=calibration, command=told, how=how)
    outcomes = outcomes_of(table, dict.fromkeys({item.fold for item in slices}, calibration))
    rejected = np.fromiter(turned_away(loaded, (item.path.read_bytes() for item in slices)), bool)
    return evaluation | {"served": served_figures(outcomes, rejected)}, outcomes


def count_seen(slices: Sequence[Slice], *, trained_on: Path, target: Path) -> dict[str, Any]:
    """How many of the slices show what the network was trained on, with a list of them beside the figures."""
    from training.dataset.seen import SEEN_FILE, find_seen, write_seen

    found = find_seen(slices, trained_on=trained_on, report=lambda line: click.echo(line, err=True))
    write_seen(target / SEEN_FILE, found)
    click.echo(
        f"warning: {len(found)} of {len(slices)} pictures show a slice of {trained_on}: what is right of these may be "
        f"remembered. They are in {target / SEEN_FILE}",
        err=True,
    )
    return {"value": round(len(found) / len(slices), 4), "n": len(slices)}


def command(*words: str) -> str:
    """What gives the figures again, as it is typed."""
    return shlex.join(["neurobatch", "evaluate", *words])


def shown(path: Path) -> str:
    """As given; below the current folder, from there."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
