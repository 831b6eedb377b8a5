"""`neurobatch evaluate`: the figures of a bundle, as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click


@click.command()
@click.option("--model", type=click.Path(exists=True, path_type=Path), help="The bundle; default: of the settings.")
@click.option("--fold", "folds", type=int, multiple=True, required=True, help="A fold to measure on; may be repeated.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write the JSON here.")
def evaluate(model: Path | None, folds: tuple[int, ...], out: Path | None) -> None:
    """Measure a model by patient, as it is served: accuracy, sensitivity, and where its heatmaps point.

    The data set is found by NEUROBATCH_DATASETS (default ../shared/data).
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from shared.settings import load_settings
    from training.data import datasets_dir, load_index
    from training.evaluate import measure, score
    from worker.inference.model import load_model

    loaded = load_model(model or load_settings().model_dir)
    slices = load_index(datasets_dir(), folds=folds)
    scored = score(loaded, slices, report=lambda line: click.echo(f"\r{line}", nl=False, err=True))
    click.echo(err=True)
    text = json.dumps({"model": loaded.name, "sha256": loaded.description["sha256"], **measure(scored)}, indent=1)
    if out:
        out.write_text(text + "\n")
    click.echo(text)
