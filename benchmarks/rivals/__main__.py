"""`python -m benchmarks.rivals`: the rivals alone, as a table."""

from __future__ import annotations

import statistics
from pathlib import Path

import click

from benchmarks.rivals.measure import ENVIRONMENTS, RIVALS, measure_rivals
from benchmarks.scans import make_scans


@click.command()
@click.option("--count", default=300, show_default=True, type=click.IntRange(1), help="Scans in each repetition.")
@click.option("--only", multiple=True, type=click.Choice(RIVALS), help="This rival; may be given again.")
@click.option("--repetitions", default=3, show_default=True, type=click.IntRange(1))
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
    speeds = measure_rivals(scans, folder / "written", only=only, repetitions=repetitions)
    click.echo(f"{'rival':14}{'scans/s':>9}{'lowest':>9}{'highest':>9}")
    for rival, values in speeds.items():
        click.echo(f"{rival:14}{statistics.median(values):9.1f}{min(values):9.1f}{max(values):9.1f}")
    missing = [rival for rival in only or RIVALS if rival not in speeds]
    if missing:
        raise click.ClickException(f"not measured: {', '.join(missing)}")


if __name__ == "__main__":
    main()
