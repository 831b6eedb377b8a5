"""`neurobatch shortcuts`: how far size, border, compression and exposure alone get one."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--size-px", type=click.IntRange(min=1), help="The network's input; default: of the settings' model.")
@click.option("--out", type=click.Path(path_type=Path), help="Write all figures here, as JSON.")
def shortcuts(size_px: int | None, out: Path | None) -> None:
    """Classify the data set without looking at the brain, by patient, and print how often that is right.

    The data set is found by NEUROBATCH_DATASETS (default ../shared/data).
    """
    from shared.settings import Settings
    from training.dataset.slices import datasets_dir, load_index
    from training.evaluation.report import write_document
    from training.publication.section_tables import section_tables
    from training.stress.shortcuts import shortcuts as measure
    from worker.inference.bundle import read_bundle

    size_px = size_px or read_bundle(Settings().model_dir).size_px
    figures = measure(load_index(datasets_dir()), size_px=size_px, report=lambda line: click.echo(line, err=True))
    if out:
        write_document(out, figures)
    click.echo(section_tables(figures))
