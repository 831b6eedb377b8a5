"""`neurobatch robustness`: the same scans stored, framed, lit and blurred differently, or healed, as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click


@click.command()
@click.option(
    "--model",
    "models",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    required=True,
    help="A bundle; may be repeated.",
)
@click.option(
    "--fold",
    "folds",
    type=int,
    multiple=True,
    required=True,
    help="The fold that the bundle was not trained on; as many as bundles, in their order.",
)
@click.option("--scans", default=300, show_default=True, help="How many are changed, over all folds.")
@click.option("--seed", default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Also write the JSON here.")
def robustness(models: tuple[Path, ...], folds: tuple[int, ...], scans: int, seed: int, out: Path | None) -> None:
    """Ask networks again after every perturbation of training/stress/perturb.py, and with tumours taken out and put in.

    The data set is found by NEUROBATCH_DATASETS (default ../shared/data).
    """
    if len(models) != len(folds):
        raise click.UsageError(f"{len(models)} --model for {len(folds)} --fold")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from training.dataset.slices import datasets_dir, load_index
    from training.evaluation.report import write_document
    from training.stress.counterfactual_answers import ask_counterfactuals
    from training.stress.robustness import robustness as measure

    pairs = [(model, load_index(datasets_dir(), folds=[fold])) for model, fold in zip(models, folds, strict=True)]

    def tell(line: str) -> None:
        click.echo(line, err=True)

    figures = {
        "folds": list(folds),
        **measure(pairs, scans=scans, seed=seed, report=tell),
        "counterfactuals": ask_counterfactuals(pairs, seed=seed, report=tell),
    }
    if out:
        write_document(out, figures)
    click.echo(json.dumps(figures, indent=1))
