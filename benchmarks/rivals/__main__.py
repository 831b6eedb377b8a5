"""`python -m benchmarks.rivals`: the rivals beside the service, as a table."""

from __future__ import annotations

import statistics
from pathlib import Path

import click

from benchmarks.figures import ratio
from benchmarks.rivals.measure import ENVIRONMENTS, RIVALS, measure_rivals
from benchmarks.scans import make_scans


@click.command()
@click.option("--count", default=1000, show_default=True, type=click.IntRange(1), help="Scans in each repetition.")
@click.option("--only", multiple=True, type=click.Choice(RIVALS), help="This rival; may be given again.")
@click.option("--repetitions", default=5, show_default=True, type=click.IntRange(1))
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=ENVIRONMENTS / "rivals",
    show_default=True,
    help="For the scans and for what the rivals write.",
)
def main(*, count: int, only: tuple[str, ...], repetitions: int, folder: Path) -> None:
    """Measure what one would pick instead of neurobatch, doing the same work."""
    scans = make_scans(folder / "scans", count)
    measured = measure_rivals(scans, folder / "written", only=only, repetitions=repetitions)
    click.echo(f"{'rival':14}{'scans/s':>9}{'service':>9}{'ratio':>7}{'lowest':>8}{'highest':>9}")
    for rival, speeds in measured.items():
        over = ratio(speeds.service, speeds.rival)
        medians = f"{statistics.median(speeds.rival):9.1f}{statistics.median(speeds.service):9.1f}"
        click.echo(f"{rival:14}{medians}{over.median:7.2f}{over.low:8.2f}{over.high:9.2f}")
    missing = [rival for rival in only or RIVALS if rival not in measured]
    if missing:
        raise click.ClickException(f"not measured: {', '.join(missing)}")


if __name__ == "__main__":
    main()
