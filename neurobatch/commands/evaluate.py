"""`neurobatch evaluate`: the figures of a bundle, as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click


@click.command()
@click.option("--model", type=click.Path(exists=True, path_type=Path), help="The bundle; default: of the settings.")
@click.option("--fold", "folds", type=int, multiple=True, required=True, help="A fold to measure on; may be repeated.")
@click.option("--record", is_flag=True, help="Put the figures into the bundle and its card.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write the JSON here.")
def evaluate(model: Path | None, folds: tuple[int, ...], out: Path | None, *, record: bool) -> None:
    """Measure a model by patient, as it is served: accuracy, sensitivity, and where its heatmaps point.

    The data set is found by NEUROBATCH_DATASETS (default ../shared/data).
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from shared.settings import load_settings
    from training.card import write_card
    from training.data import datasets_dir, load_index
    from training.evaluate import measure, score
    from training.export import record_metrics
    from worker.inference.model import load_model

    folder = model or load_settings().model_dir
    loaded = load_model(folder)
    slices = load_index(datasets_dir(), folds=folds)
    scored = score(loaded, slices, report=lambda line: click.echo(f"\r{line}", nl=False, err=True))
    click.echo(err=True)
    figures = measure(scored)
    text = json.dumps({"model": loaded.name, "sha256": loaded.description["sha256"], **figures}, indent=1)
    if record:
        asked = " ".join(f"--fold {fold}" for fold in folds)
        command = f"neurobatch evaluate --model models/{loaded.name} {asked}"
        figures.pop("by_fold")
        record_metrics(folder, {"command": command, "figures": figures})
        write_card(folder)
    if out:
        out.write_text(text + "\n")
    click.echo(text)
