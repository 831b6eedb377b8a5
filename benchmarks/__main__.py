"""`python -m benchmarks`, which `make bench` calls: everything in one run, as build/bench.json and build/bench.md."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks.machine import machine
from benchmarks.reading import measure_reading
from benchmarks.recorded import record
from benchmarks.rivals.measure import measure_rivals
from benchmarks.scans import make_scans
from benchmarks.side_by_side import measure_side_by_side
from benchmarks.stages import measure_stages
from benchmarks.start import measure_start
from benchmarks.subprocesses import ROOT
from benchmarks.summary import headline, markdown
from shared.settings import Settings

_BUILD = ROOT / "build"
_REPETITIONS = {100: 5, 1_000: 5, 10_000: 3}
_RIVAL_SCANS, _RIVAL_REPETITIONS = 1_000, 5
_START_REPETITIONS = 3
_STAGE_SCANS, _STAGE_REPETITIONS = 256, 9
_STORED_SCANS = 1_000_000
PARTS = ("stages", "start", "side_by_side", "rivals", "reading")


@click.command()
@click.option("--only", multiple=True, type=click.Choice(PARTS), help="This part; may be given again. All by default.")
@click.option(
    "--scans",
    "taken_from",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of .png and .jpg that the measured scans are made of; drawn heads by default.",
)
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="For what is written; a new one.")
@click.option("--record", "recorded", is_flag=True, help="Keep this run in the repository and in docs/performance.md.")
def main(only: tuple[str, ...], taken_from: Path | None, folder: Path | None, *, recorded: bool) -> None:
    """Measure the service beside its references; about half an hour on two cores that do nothing else."""
    if recorded and only:
        raise click.UsageError("--record keeps a whole run: leave --only out")
    pictures = sorted(taken_from.rglob("*.[jp][pn]g")) if taken_from else []
    if taken_from and not pictures:
        raise click.UsageError(f"--scans {taken_from}: there is no .png and no .jpg in it")
    started = time.perf_counter()
    work = Path(tempfile.mkdtemp(prefix="nb-bench-", dir=folder))
    work.chmod(0o755)  # PostgreSQL runs as nobody where we are root
    try:
        measured = _measure(only or PARTS, work, pictures)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    measured |= {"machine": machine(), "seconds": round(time.perf_counter() - started)}
    document = headline(measured) | measured
    _BUILD.mkdir(exist_ok=True)
    (_BUILD / "bench.json").write_text(json.dumps(document, indent=2) + "\n")
    (_BUILD / "bench.md").write_text(markdown(document))
    if recorded:
        record(document, root=ROOT)
    click.echo(markdown(document))


def _measure(parts: Sequence[str], work: Path, taken_from: Sequence[Path]) -> dict[str, Any]:
    _tell("making scans ...")
    scans = make_scans(work / "scans", max(_REPETITIONS), taken_from=taken_from)
    model_dir = Settings().model_dir
    todo: Mapping[str, Callable[[], Any]] = {
        "stages": lambda: measure_stages(scans[:_STAGE_SCANS], model_dir=model_dir, repetitions=_STAGE_REPETITIONS),
        "start": lambda: measure_start(scans, work / "start", repetitions=_START_REPETITIONS),
        "side_by_side": lambda: {
            str(size): turns.as_json()
            for size, turns in measure_side_by_side(
                scans, work / "side-by-side", repetitions=_REPETITIONS, tell=_tell
            ).items()
        },
        "rivals": lambda: {
            rival: speeds.as_json()
            for rival, speeds in measure_rivals(
                scans[:_RIVAL_SCANS], work / "rivals", repetitions=_RIVAL_REPETITIONS
            ).items()
        },
        "reading": lambda: measure_reading(work / "reading", scans=_STORED_SCANS),
    }
    measured = {}
    for part in parts:
        _tell(f"{part} ...")
        measured[part] = todo[part]()
    return measured


def _tell(text: str) -> None:
    click.echo(text, err=True)


if __name__ == "__main__":
    main()
