"""`python -m chaos run` (make chaos) and `python -m chaos storm`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from chaos.harness import Row, Stage, run, write_json
from chaos.kinds import KINDS, SHORT
from chaos.storm import storm
from shared.observability import configure_logging

_JSON = Path("build/chaos.json")
_STAGES = (Stage("sqlite", "null", 10), Stage("postgresql", "null", 10), Stage("postgresql", "real", 1))
_SHORT_STAGES = (Stage("sqlite", "null", 1), Stage("postgresql", "null", 1))


@click.group()
def cli() -> None:
    """Harm the service and check its promise."""


@cli.command("run")
@click.option("--short", is_flag=True, help="A few kinds, once on each database.")
@click.option("--only", multiple=True, help="Kinds whose name holds this text.")
@click.option("--stage", "stages", multiple=True, metavar="DATABASE,NETWORK,TIMES", help="Instead of the usual ones.")
@click.option("--json", "path", type=click.Path(path_type=Path), default=_JSON, show_default=True)
def run_command(*, short: bool, only: tuple[str, ...], stages: tuple[str, ...], path: Path) -> None:
    """Every kind of fault, many times; status 1 if a promise was broken."""
    kinds = [kind for kind in KINDS if not short or kind.name in SHORT]
    kinds = [kind for kind in kinds if not only or any(text in kind.name for text in only)]
    if not kinds:
        raise click.UsageError(f"no kind holds {' or '.join(only)}; there are {', '.join(kind.name for kind in KINDS)}")
    chosen = [_stage(text) for text in stages] or (_SHORT_STAGES if short else _STAGES)
    rows: dict[str, Row] = {}
    configure_logging("ERROR")  # that parts die is what is wanted
    started = time.monotonic()
    console = Console()
    with Live(_table(rows, "starting"), console=console, auto_refresh=False) as live:

        def report(row: Row, stage: Stage) -> None:
            rows[row.fault] = row
            minutes = (time.monotonic() - started) / 60
            title = f"{stage.database}, {stage.network} network, {minutes:.1f} min"
            live.update(_table(rows, title), refresh=True)
            if not console.is_terminal:
                click.echo(f"{title}: {row}", err=True)

        done = run(chosen, kinds, report=report)
    write_json(done, path)
    for row in done:
        for note in row.notes:
            click.echo(f"{row.fault}: {note}", err=True)
    sys.exit(0 if all(row.clean for row in done) else 1)


def _stage(text: str) -> Stage:
    database, network, times = text.split(",")
    return Stage(database, network, int(times))


def _table(rows: dict[str, Row], title: str) -> Table:
    table = Table("fault", title=title)
    for name in ("times", "scans", "lost", "duplicated", "orphaned", "recovery s, max"):
        table.add_column(name, justify="right")
    for row in rows.values():
        numbers = (row.times, row.scans, row.lost, row.duplicated, row.orphaned, row.recovery_s_max)
        table.add_row(row.fault, *map(str, numbers), style="" if row.clean else "red")
    return table


cli.add_command(storm)

if __name__ == "__main__":
    cli()
