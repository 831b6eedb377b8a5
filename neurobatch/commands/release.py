"""`neurobatch release`: a trained network becomes the bundle that is shipped."""

from __future__ import annotations

import os
from pathlib import Path

import click


@click.command()
@click.argument("trained", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("bundle", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--scores", required=True, type=click.Path(exists=True, path_type=Path), help="Out-of-fold scores of its recipe."
)
@click.option(
    "--gate",
    type=click.Path(exists=True, path_type=Path),
    help="gate.npz of `neurobatch gate`: what turns pictures away.",
)
@click.option(
    "--left-out", type=int, metavar="FOLD", help="Of TRAINED's training: then it is not calibrated by that fold."
)
@click.option(
    "--caveat", "caveats", multiple=True, help="What is wrong with it, told wherever it is shown; may be repeated."
)
def release(
    trained: Path, bundle: Path, scores: Path, gate: Path | None, left_out: int | None, caveats: tuple[str, ...]
) -> None:
    """Write BUNDLE from TRAINED, a run's bundle trained on all folds, calibrated by cross-validation.

    Then `neurobatch evaluate --scores ... --model BUNDLE --record` puts figures, card and pictures beside it.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from shared.errors import NeurobatchError
    from training.evaluation.scores import read_scores
    from training.release import release as write
    from worker.inference.gate import load_gate

    try:
        known = [score for score in read_scores(scores) if score.fold != left_out]
        write(trained, bundle, scores=known, gate=load_gate(gate) if gate else None, caveats=caveats)
    except (ValueError, NeurobatchError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"wrote {bundle}")
