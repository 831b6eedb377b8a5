"""`neurobatch experiment`: keep what a run gave, so that no figure of docs/experiments.md is typed."""

from __future__ import annotations

import os
from pathlib import Path

import click


@click.command()
@click.argument("run_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--table", required=True, help="Which table of docs/experiments.md it belongs to.")
@click.option("--name", required=True, help="Its column's head; an experiment of that name is replaced.")
@click.option("--expected", multiple=True, metavar="FIGURE=VALUE", help="What was hoped for; may be repeated.")
def experiment(run_dir: Path, table: str, name: str, expected: tuple[str, ...]) -> None:
    """Keep the figures of the run in RUN_DIR, build/runs/NAME/fold-K, and renew the tables of docs.

    Asks its bundle about healed and planted heads of the scans it left out (a minute), for which the data set is found
    by NEUROBATCH_DATASETS (default ../shared/data).
    """
    hoped = dict(map(_figure, expected))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from training.dataset.slices import datasets_dir, load_index
    from training.evaluation.experiment import experiment_of
    from training.evaluation.scores import SCORES_FILE, read_scores
    from training.export import BUNDLE_FOLDER
    from training.publication.documents import fill_documents
    from training.publication.experiment_tables import experiment_table, keep_experiment
    from training.stress.counterfactual_answers import ask_counterfactuals

    try:
        known = {item.file: item for item in load_index(datasets_dir())}
        scored = [score.file for score in read_scores(run_dir / SCORES_FILE)]
        if unknown := sorted(set(scored) - known.keys()):
            raise click.UsageError(
                f"{len(unknown)} scores of {run_dir} are of no scan of the data set: {unknown[0]}, ..."
            )
        slices = [known[file] for file in scored]
        answers = ask_counterfactuals(
            [(run_dir / BUNDLE_FOLDER, slices)], report=lambda line: click.echo(line, err=True)
        )
        found = experiment_of(run_dir, counterfactuals=answers)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    if hoped:
        found["expected"] = hoped
    keep_experiment(Path(), table=table, name=name, experiment=found)
    for path in fill_documents(Path()):
        click.echo(f"renewed {path}", err=True)
    click.echo(experiment_table({name: found}))


def _figure(given: str) -> tuple[str, float]:
    figure, _, value = given.partition("=")
    try:
        return figure, float(value)
    except ValueError:
        raise click.UsageError(f"--expected {given}: expected FIGURE=VALUE with a number") from None
