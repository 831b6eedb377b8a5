"""`neurobatch slices`: labelled slices with outlines out of another hospital's volumes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shared.domain import TumorClass

if TYPE_CHECKING:
    from training.dataset.volumes import Case, MaskedSlice


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="A data set's folder.")
@click.option("--image", default="t1ce", show_default=True, help="What the name of each patient's volume holds.")
@click.option("--mask", default="seg", show_default=True, help="What the name of its mask holds.")
@click.option("--value", "values", type=int, multiple=True, help="Of the mask, that is tumour; default: all but 0.")
@click.option("--label", type=click.Choice([str(label) for label in TumorClass]), default="glioma", show_default=True)
@click.option("--source", default="elsewhere", show_default=True, help="What the index calls the hospital.")
@click.option("--most", type=click.IntRange(1), default=4, show_default=True, help="Slices of a patient.")
@click.option("--apart", type=click.IntRange(1), default=6, show_default=True, help="From one to the next, at least.")
def slices(
    folder: Path,
    out: Path,
    image: str,
    mask: str,
    values: tuple[int, ...],
    label: str,
    source: str,
    most: int,
    apart: int,
) -> None:
    """Take the slices with most of the tumour from FOLDER's volumes, a folder for each patient, as BraTS has them.

    Writes OUT/brain-mri, all in fold 0: `NEUROBATCH_DATASETS=OUT neurobatch evaluate --fold 0` asks a bundle about it.
    """
    from shared.errors import InvalidScan
    from training.dataset.entries import UnusableData
    from training.dataset.volumes import find_cases, masked_slices, write_index

    def taken() -> Iterator[tuple[Case, MaskedSlice]]:
        for case in cases:
            found = masked_slices(case, values=values, most=most, apart=apart)
            click.echo(f"{case.patient}: {len(found)} slices", err=True)
            yield from ((case, item) for item in found)

    try:
        cases = find_cases(folder, image=image, mask=mask)
        count, patients = write_index(out / "brain-mri", taken(), label=label, source=source)
    except (UnusableData, InvalidScan) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{count} slices of {patients} patients in {out}")
