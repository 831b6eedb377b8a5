"""`neurobatch cost`: what networks cost, measured side by side, as JSON."""

from __future__ import annotations

import json
from itertools import zip_longest
from pathlib import Path

import click


@click.command()
@click.option(
    "--model", "models", type=click.Path(exists=True, path_type=Path), multiple=True, help="A bundle; may be repeated."
)
@click.option(
    "--run-dir",
    "run_dirs",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="The run that made the bundle, for its training time; as many as bundles, in their order.",
)
@click.option("--rounds", type=click.IntRange(min=1), default=9, show_default=True, help="How often each is asked.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write the JSON here.")
def cost(models: tuple[Path, ...], run_dirs: tuple[Path, ...], rounds: int, out: Path | None) -> None:
    """Measure parameters, operations, size, time and memory of one or more bundles.

    Times hold only beside each other within one run; the first bundle is what the others are compared with.
    """
    from shared.settings import load_settings
    from training.costs.measure import Effort, Subject, measure_costs
    from training.evaluation.history import HISTORY_FILE
    from training.evaluation.report import write_document

    bundles = models or (load_settings().model_dir,)
    if run_dirs and len(run_dirs) != len(bundles):
        raise click.UsageError(f"{len(run_dirs)} --run-dir for {len(bundles)} bundles")
    histories = [folder / HISTORY_FILE for folder in run_dirs]
    subjects = [Subject(bundle, history) for bundle, history in zip_longest(bundles, histories)]
    told = measure_costs(subjects, effort=Effort(rounds=rounds), report=lambda line: click.echo(line, err=True))
    text = json.dumps(told, indent=1)
    if out:
        write_document(out, told)
    click.echo(text)
