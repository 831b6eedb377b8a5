"""`neurobatch duplicates`: how many near-duplicates the data set holds, by how alike they must be."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write all figures here, as JSON.")
def duplicates(out: Path | None) -> None:
    """Count the scans that show the same slice; two minutes.

    The data set is found by NEUROBATCH_DATASETS (default ../shared/data). A folder of your own is looked through by
    `neurobatch train`, which names the pairs.
    """
    from training.dataset.alignment import make_thumbnail
    from training.dataset.duplicate_figures import THRESHOLDS, duplicate_figures
    from training.dataset.duplicates import find_duplicates
    from training.dataset.slices import datasets_dir, load_index, read_picture
    from training.evaluation.report import write_document
    from training.publication.section_tables import section_tables

    slices = load_index(datasets_dir())
    click.echo(f"looking at {len(slices)} pictures, then for near-duplicates among them", err=True)
    pairs = find_duplicates([make_thumbnail(read_picture(item.path)) for item in slices], least=min(THRESHOLDS))
    figures = duplicate_figures(pairs, slices)
    if out:
        write_document(out, figures)
    click.echo(section_tables(figures))
