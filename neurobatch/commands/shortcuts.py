"""`neurobatch shortcuts`: how far size, border, compression and exposure alone get one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click


@click.command()
@click.option("--size-px", default=160, show_default=True, help="The network's input, for what it sees of a file.")
@click.option("--out", type=click.Path(path_type=Path), help="Write all figures here, as JSON.")
def shortcuts(size_px: int, out: Path | None) -> None:
    """Classify the data set without looking at the brain, by patient, and print how often that is right.

    The data set is found by NEUROBATCH_DATASETS (default ../shared/data).
    """
    from training.data import datasets_dir, load_index
    from training.shortcuts import shortcuts as measure

    figures = measure(load_index(datasets_dir()), size_px=size_px, report=lambda line: click.echo(line, err=True))
    if out:
        out.write_text(json.dumps(figures, indent=1) + "\n")
    for line in table(figures):
        click.echo(line)


def table(figures: dict[str, Any]) -> Iterator[str]:
    """The lines of a Markdown table, one for each group of features."""
    yield "| seen | four classes | figshare tumours | tumour or healthy | AUC | source |"
    yield "|---|---|---|---|---|---|"
    largest = figures["largest_class"]
    yield (
        f"| nothing: the largest class | {largest['accuracy']['value']:.1%} "
        f"| {largest['figshare_tumour_accuracy']['value']:.1%} | {largest['tumour_or_healthy']['value']:.1%} "
        f"| 0.500 | {largest['source']['value']:.1%} |"
    )
    for seen in ("file", "prepared"):
        for group, row in figures[seen].items():
            either = row["tumour_or_healthy"]
            yield (
                f"| {seen}: {group} | {row['accuracy']['value']:.1%} | {row['figshare_tumour_accuracy']['value']:.1%} "
                f"| {either['accuracy']['value']:.1%} | {either['auc']:.3f} | {row['source_accuracy']['value']:.1%} |"
            )
