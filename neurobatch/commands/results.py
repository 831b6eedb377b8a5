"""`neurobatch results`: a batch's results as a table or JSON lines, its heatmaps and DICOM results as files."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import click

from neurobatch.client import Client
from neurobatch.documents import Scan, ScanFilters
from neurobatch.exit_codes import ExitCode
from neurobatch.heatmap_files import HeatmapKind
from neurobatch.options import batch_argument, json_option, key_option, url_option
from neurobatch.progress import DownloadBar, print_results
from shared.domain import ScanState, TumorClass


@click.command()
@batch_argument
@url_option
@key_option
@click.option("--state", type=click.Choice([str(state) for state in ScanState]), help="Only scans in this state.")
@click.option("--label", type=click.Choice([str(label) for label in TumorClass]), help="Only scans with this label.")
@click.option("--needs-review/--no-review", default=None, help="Only scans that need review, or that do not.")
@click.option("--heatmaps", type=click.Path(file_okay=False, path_type=Path), help="Folder to fetch all heatmaps into.")
@click.option(
    "--kind",
    type=click.Choice(["heatmap", "overlay", "heatmap.npy"]),
    default="overlay",
    show_default=True,
    help="What --heatmaps fetches.",
)
@click.option(
    "--dicom",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to fetch the results of what came as DICOM into, as DICOM files.",
)
@json_option("one scan a line")
def results(
    batch_id: UUID,
    url: str,
    key: str | None,
    state: str | None,
    label: str | None,
    heatmaps: Path | None,
    kind: HeatmapKind,
    dicom: Path | None,
    *,
    needs_review: bool | None,
    as_json: bool,
) -> ExitCode:
    """Show the results of a batch, those that are there already.

    With --heatmaps, those of the whole batch are fetched; files that are there already are kept.
    """
    filters: ScanFilters = {}
    if state is not None:
        filters["state"] = state
    if label is not None:
        filters["label"] = label
    if needs_review is not None:
        filters["needs_review"] = needs_review
    with Client(url, key=key) as client:
        _show(client.scans(str(batch_id), **filters) if filters else client.results(str(batch_id)), as_json=as_json)
        if heatmaps is not None:
            total = client.batch(str(batch_id))["counts"]["succeeded"]
            with DownloadBar(total, file=sys.stderr) as bar:
                client.download_heatmaps(str(batch_id), heatmaps, kind=kind, on_progress=bar.update)
        if dicom is not None:
            count = len(client.download_dicom(str(batch_id), dicom))
            click.echo(f"{count} DICOM files are in {dicom}.", err=True)
    return ExitCode.OK


def _show(scans: Iterator[Scan], *, as_json: bool) -> None:
    if not as_json:
        print_results(scans, data_dir=None)
        return
    for scan in scans:
        click.echo(json.dumps(scan))
