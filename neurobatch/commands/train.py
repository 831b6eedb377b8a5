"""`neurobatch train`: one run on folds of the data set, resumable."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click


@click.command()
@click.option("--config", type=click.Path(exists=True, path_type=Path), default="training/configs/cnn-outline.toml")
@click.option("--folds", default="2,3,4", show_default=True, help="Folds to train on.")
@click.option("--validate-on", type=int, help="A fold to measure and calibrate on; must not be among --folds.")
@click.option("--run-dir", type=click.Path(path_type=Path), help="Default: build/runs/NAME of the config.")
@click.option("--start-from", type=click.Path(exists=True, path_type=Path), help="final.weights.h5 of another run.")
@click.option("--export", type=click.Path(path_type=Path), help="Write a bundle to this folder.")
@click.option(
    "--calibration",
    type=click.Path(exists=True, path_type=Path),
    help="calibration.json of a run that left a fold out, for --export.",
)
def train(
    config: Path,
    folds: str,
    validate_on: int | None,
    run_dir: Path | None,
    start_from: Path | None,
    export: Path | None,
    calibration: Path | None,
) -> None:
    """Train a network; started again after a kill, it goes on where it was.

    The data set is found by NEUROBATCH_DATASETS (default ../shared/data).
    """
    chosen = sorted({int(fold) for fold in folds.split(",")})
    if validate_on in chosen:
        raise click.UsageError(f"fold {validate_on} cannot be both trained and measured on")
    if export and not (calibration or validate_on is not None):
        raise click.UsageError("--export needs --calibration or --validate-on")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from training.config import load_config
    from training.data import datasets_dir
    from training.run import calibrate, export_calibrated, train_on_folds

    settings = load_config(config)
    folder = run_dir or Path("build/runs") / settings.name
    datasets = datasets_dir()
    net = train_on_folds(
        config=settings, datasets=datasets, folds=chosen, run_dir=folder, start_from=start_from, report=click.echo
    )
    fitted = json.loads(calibration.read_text()) if calibration else None
    if validate_on is not None:
        measured = calibrate(net, datasets=datasets, fold=validate_on, run_dir=folder, report=lambda _: None)
        click.echo(json.dumps(measured, indent=1))
        fitted = fitted or measured
    if export and fitted:
        export_calibrated(net, export, calibration=fitted, trained_on=f"folds {', '.join(map(str, chosen))}")
        click.echo(f"wrote {export}")
