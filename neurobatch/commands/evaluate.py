"""`neurobatch evaluate`: every figure of a network, as JSON, pictures and model card."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurobatch.command_lines import evaluate_command, shown_path
from neurobatch.scored_bundle import evaluate_folder, evaluate_folds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.dataset.slices import Slice
    from training.evaluation.outcomes import Outcomes
    from worker.inference.model import Model

_OUT = Path("build/evaluation")


@click.command()
@click.option("--scores", type=click.Path(exists=True, path_type=Path), help="Out-of-fold scores of all folds (CSV).")
@click.option("--model", type=click.Path(exists=True, path_type=Path), help="A bundle; default: of the settings.")
@click.option(
    "--fold", "folds", type=int, multiple=True, help="Score the bundle on this fold, left out of its training."
)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Score the bundle on labelled pictures of your own: an index.csv, or class folders.",
)
@click.option(
    "--trained-on",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Count which of --data show a slice of this folder, and list them in seen.csv (minutes).",
)
@click.option("--section", "sections", multiple=True, metavar="NAME=FILE", help="Add JSON that was measured elsewhere.")
@click.option(
    "--unseen-source",
    "unseen",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="Add a source's scores by `train --leave-source-out`; may be repeated.",
)
@click.option(
    "--record-wise", type=click.Path(exists=True, path_type=Path), help="Add the scores of `train --record-wise`."
)
@click.option(
    "--run-dir",
    type=click.Path(exists=True, path_type=Path),
    help="Of the cross-validation, with its training curves; default: beside --scores.",
)
@click.option(
    "--randomised", is_flag=True, help="Measure heatmaps of the bundle with random weights as well (minutes)."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for JSON and pictures; build/evaluation/NAME, with --data NAME-FOLDER.",
)
@click.option(
    "--gallery", is_flag=True, help="Draw heatmap hits and misses; for --scores by fold-K/bundle in --run-dir."
)
@click.option(
    "--record", "recorded", is_flag=True, help="Put figures, calibration, card and pictures into bundle and docs."
)
def evaluate(
    scores: Path | None,
    model: Path | None,
    folds: tuple[int, ...],
    data: Path | None,
    trained_on: Path | None,
    sections: tuple[str, ...],
    unseen: tuple[Path, ...],
    record_wise: Path | None,
    run_dir: Path | None,
    out: Path | None,
    *,
    randomised: bool,
    gallery: bool,
    recorded: bool,
) -> None:
    """Measure a network by patient: accuracy, calibration, review, and where its heatmaps point.

    From a table of --scores everything is computed in seconds without a network. With --fold the bundle scores that
    fold first, for which the data set is found by NEUROBATCH_DATASETS (default ../shared/data), with --data a folder;
    `served` says what its gate leaves of them.
    """
    if sum((scores is not None, bool(folds), data is not None)) != 1:
        raise click.UsageError("give one of --scores, --fold and --data")
    if scores is None and (unseen or record_wise or run_dir):
        raise click.UsageError("--unseen-source, --record-wise and --run-dir go with --scores of a cross-validation")
    _check_data(data, trained_on=trained_on, recorded=recorded, randomised=randomised)
    added = dict(map(_named, sections))
    started_s = time.monotonic()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from shared.errors import NeurobatchError
    from shared.settings import load_settings
    from training.dataset.slices import datasets_dir, load_index
    from training.evaluation.report import EVALUATION_FILE, write_document
    from training.publication.plots.all import draw_evaluation
    from training.publication.tables import headline_table

    folder = model or load_settings().model_dir
    try:
        slices: list[Slice] = []
        if scores is not None:
            evaluation, outcomes = _of_scores(
                scores,
                bundle=folder if model or recorded else None,
                run_dir=run_dir or scores.parent,
                recorded=recorded,
            )
            evaluation |= _other_splits(scores, unseen=unseen, record_wise=record_wise)
        elif data is not None:
            out = out or _OUT / f"{folder.resolve().name}-{data.resolve().name}"
            evaluation, outcomes, slices = evaluate_folder(folder, data, trained_on=trained_on, out=out)
        else:
            evaluation, outcomes, slices = evaluate_folds(folder, folds)
        evaluation |= added
        if randomised:
            evaluation["randomised_weights"] = _randomised(folder)
        if recorded:
            evaluation = _record(evaluation, folder, scores=scores)
        target = out or _OUT / evaluation["model"]
        write_document(target / EVALUATION_FILE, evaluation)
        draw_evaluation(evaluation, target)
        if gallery:
            networks = (run_dir or scores.parent) if scores else None
            _draw_gallery(outcomes, slices or load_index(datasets_dir()), target, networks=networks, bundle=folder)
    except (ValueError, NeurobatchError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(headline_table(evaluation))
    click.echo(f"{time.monotonic() - started_s:.0f} s; wrote {target}", err=True)


def _check_data(data: Path | None, *, trained_on: Path | None, recorded: bool, randomised: bool) -> None:
    if trained_on and not data:
        raise click.UsageError("--trained-on goes with --data")
    if recorded and data:
        raise click.UsageError("--record is for figures on patients that were left out, and --data may have been seen")
    if randomised and data:
        raise click.UsageError("--randomised looks at the data set's outlines, and does not go with --data")


def _of_scores(path: Path, *, bundle: Path | None, run_dir: Path, recorded: bool) -> tuple[dict[str, Any], Outcomes]:
    """The figures of a cross-validation: of the bundle that came of it, or named by the folder of its scores.

    The command that gives them again names the table beside the bundle where it is `recorded` there.
    """
    from training.evaluation.calibrate import fit_on_other_folds
    from training.evaluation.history import read_histories
    from training.evaluation.outcomes import outcomes_of
    from training.evaluation.report import evaluate_out_of_fold
    from training.evaluation.scores import SCORES_FILE, read_scores

    table = read_scores(path)
    kept = bundle / SCORES_FILE if bundle and recorded else path
    command = evaluate_command("--scores", shown_path(kept), *(("--model", shown_path(bundle)) if bundle else ()))
    name = bundle.name if bundle else path.resolve().parent.name
    evaluation = evaluate_out_of_fold(table, model=name, command=command)
    histories = read_histories(run_dir)
    return evaluation | ({"training": histories} if histories else {}), outcomes_of(table, fit_on_other_folds(table))


def _other_splits(scores: Path, *, unseen: tuple[Path, ...], record_wise: Path | None) -> dict[str, Any]:
    """The sections on networks that were trained on other splits, where their scores are given."""
    from training.evaluation import split_figures
    from training.evaluation.scores import read_scores

    table = read_scores(scores)
    found = {}
    if unseen:
        found["unseen_sources"] = split_figures.unseen_sources([read_scores(path) for path in unseen], table)
    if record_wise:
        found["record_wise"] = split_figures.record_wise(read_scores(record_wise), table)
    return found


def _record(evaluation: dict[str, Any], folder: Path, *, scores: Path | None) -> dict[str, Any]:
    """The evaluation as it was recorded, with what was measured for the bundle before."""
    from training.publication.documents import fill_documents
    from training.publication.record import record, with_recorded_sections

    whole = with_recorded_sections(evaluation, folder)
    record(whole, folder, scores=scores)
    for path in fill_documents(Path()):
        click.echo(f"renewed {path}", err=True)
    return whole


def _randomised(folder: Path) -> dict[str, Any]:
    from training.dataset.slices import datasets_dir, load_index
    from training.evaluation.randomised import measure_randomised, randomised
    from worker.inference.model import load_model

    slices = load_index(datasets_dir())
    return measure_randomised(randomised(load_model(folder)), slices, report=lambda line: click.echo(line, err=True))


def _draw_gallery(
    outcomes: Outcomes, slices: Sequence[Slice], target: Path, *, networks: Path | None, bundle: Path
) -> None:
    """By the network of each fold beside the scores; by the bundle itself where it was scored."""
    if not outcomes.outlined.any():
        click.echo("no gallery: no picture has an outline to hold its heatmap against", err=True)
        return
    from functools import cache

    from training.publication.plots.gallery import choose, draw_gallery, look_again
    from worker.inference.model import load_model

    @cache
    def network(folder: Path) -> Model:
        return load_model(folder)

    by_name = {item.file: item for item in slices}
    rows = {
        name: look_again(
            outcomes,
            places,
            slices=by_name,
            network=lambda fold: network(networks / f"fold-{fold}" / "bundle" if networks else bundle),
        )
        for name, places in choose(outcomes).items()
    }
    draw_gallery(rows, target / "gallery.png")


def _named(section: str) -> tuple[str, dict[str, Any]]:
    name, given, path = section.partition("=")
    if not given or not Path(path).is_file():
        raise click.UsageError(f"--section {section}: expected NAME=FILE of an existing JSON file")
    try:
        return name, json.loads(Path(path).read_text())
    except ValueError as error:
        raise click.UsageError(f"--section {section}: no JSON: {error}") from error
