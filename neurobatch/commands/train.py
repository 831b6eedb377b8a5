"""`neurobatch train`: networks trained and scored with whole patients kept apart, resumable."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

_ROOT = Path(__file__).resolve().parents[2]
_CONFIG = "training/configs/cnn-pyramid.toml"


@click.command()
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=_ROOT / _CONFIG,
    show_default=_CONFIG,
    help="The recipe; the default needs no teacher and no weights.",
)
@click.option("--cross-validate", is_flag=True, help="Leave out each fold in turn, and score it.")
@click.option("--leave-out", type=int, multiple=True, metavar="FOLD", help="Leave out this fold only; may be repeated.")
@click.option("--leave-source-out", metavar="SOURCE", help="Leave out all scans of one source, and score them.")
@click.option("--record-wise", is_flag=True, help="Leave out a fifth of the pictures, whoever the patients are: leaky.")
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Pictures of your own: an index.csv, or class folders. See docs/training.md.",
)
@click.option(
    "--run-dir",
    type=click.Path(path_type=Path),
    help="Default: build/runs/NAME of the config, with the folder's name after it for --data.",
)
def train(
    config: Path,
    data: Path | None,
    leave_out: tuple[int, ...],
    leave_source_out: str | None,
    run_dir: Path | None,
    *,
    cross_validate: bool,
    record_wise: bool,
) -> None:
    """Train a network; started again after a kill, it goes on where it was.

    What is left out is scored by the network that never saw it: scores.csv, and out-of-fold.csv for all folds.
    Nothing left out: the network is trained on everything.

    Without --data, the data set is found by NEUROBATCH_DATASETS (default ../shared/data).
    """
    if cross_validate + bool(leave_out) + bool(leave_source_out) + record_wise > 1:
        raise click.UsageError("choose one of --cross-validate, --leave-out, --leave-source-out and --record-wise")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from shared.errors import NeurobatchError
    from training import run
    from training.config import load_config
    from training.dataset import splits
    from training.dataset.entries import UnusableData
    from training.dataset.own_data import load_own_data
    from training.dataset.slices import datasets_dir, load_index

    settings = load_config(config)
    datasets = datasets_dir()
    folder = run_dir or Path("build/runs") / (f"{settings.name}-{data.resolve().name}" if data else settings.name)
    try:
        run.require_weights(settings, datasets=datasets)
        slices = load_own_data(data, run_dir=folder, report=click.echo) if data else load_index(datasets)
    except UnusableData as error:
        raise click.ClickException(str(error)) from error
    parts = {f"fold-{fold}": [item for item in slices if item.fold == fold] for fold in leave_out}
    if leave_source_out:
        parts[f"without-{leave_source_out}"] = splits.of_source(slices, leave_source_out)
    if record_wise:
        parts["record-wise"] = splits.at_random(slices, seed=settings.seed)
    if empty := [name for name, part in parts.items() if not part]:
        raise click.UsageError(f"there is nothing to leave out for {empty[0]}")
    how: dict[str, Any] = {"config": settings, "datasets": datasets, "report": click.echo}
    try:
        if cross_validate:
            run.cross_validate(slices, run_dir=folder, **how)
        for name, part in parts.items():
            run.leave_out(part, slices, run_dir=folder / name, **how)
        if not (cross_validate or parts):
            run.train_bundle(slices, run_dir=folder / "all", **how)
    except (ValueError, NeurobatchError) as error:
        raise click.ClickException(str(error)) from error
