"""Measures the rivals, one after the other, and makes sure that each did the same work."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks.rivals.environments import CannotInstall, environment
from benchmarks.rivals.expected import expected_labels
from benchmarks.rivals.results import read_rows
from benchmarks.rivals.same_work import check
from benchmarks.rivals.servers import ROOT, STARTS, ServerFailed, rival_variables, serving
from shared.settings import Settings

USUAL_SCRIPT = "usual_script"
RIVALS = (USUAL_SCRIPT, *STARTS)
ENVIRONMENTS = ROOT / "build" / "bench"
_MOST_OF_THE_SCRIPT = 40  # scans; it does a few a second
_CONNECTIONS = 64
_TIMEOUT_S = 900.0
_TOLD_CHARS = 1500


class RunFailed(Exception):
    """A rival could not finish its scans; the message says what it said."""


def measure_rivals(
    scans: Sequence[Path], folder: Path, *, only: Collection[str] = (), repetitions: int
) -> dict[str, list[float]]:
    """Scans per second of each rival, one figure for each repetition; start-up and warm-up are not counted.

    `scans`: 512 x 512 JPEG files with different names. `folder`: for what is written; it is emptied first. `only`:
    names from `RIVALS`, all where empty. The usual script gets the first 40 of the scans. A rival that cannot be
    installed or run on this machine is told of and left out. Raises NotTheSameWork where one did less than we do.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _tell(f"our own labels of {len(scans)} scans ...")
    expected = expected_labels(scans, Settings().model_dir)
    speeds = {}
    for rival in [name for name in RIVALS if not only or name in only]:
        try:
            python = environment(rival, ENVIRONMENTS, tell=_tell)
            speeds[rival] = _measure(rival, python, scans, folder / rival, repetitions, expected)
        except (CannotInstall, ServerFailed, RunFailed) as error:
            _tell(f"{rival} is left out: {error}")
    return speeds


def _measure(
    rival: str, python: Path, scans: Sequence[Path], folder: Path, repetitions: int, expected: Mapping[str, str]
) -> list[float]:
    if rival == USUAL_SCRIPT:
        return _measure_script(python, scans[:_MOST_OF_THE_SCRIPT], folder, repetitions, expected)
    files, results = folder / "files", folder / "results"
    results.mkdir(parents=True)
    _tell(f"{rival}: starting ...")
    with serving(rival, python, Settings().model_dir, files) as url:
        _tell(f"{rival}: {repetitions} times {len(scans)} scans ...")
        module = [str(python), "-m", "benchmarks.rivals.client"]
        told = _run([*module, rival, url, str(results), str(repetitions), str(_CONNECTIONS)], scans, files)
    share = max(line["client_share"] for line in told)
    for number in range(repetitions):
        check(rival, read_rows(results / f"{number}.sqlite"), expected)
    return _speeds(rival, told, len(scans), f", the client kept {share:.0%} of a core busy")


def _measure_script(
    python: Path, scans: Sequence[Path], folder: Path, repetitions: int, expected: Mapping[str, str]
) -> list[float]:
    folder.mkdir(parents=True)
    _tell(f"{USUAL_SCRIPT}: {repetitions} times {len(scans)} scans ...")
    command = [
        str(python),
        "-m",
        "benchmarks.rivals.usual_script",
        str(Settings().model_dir),
        str(folder),
        str(repetitions),
    ]
    told = _run(command, scans, folder)
    for number in range(repetitions):
        rows = read_rows(folder / str(number) / "results.csv")
        check(USUAL_SCRIPT, rows, {scan.name: expected[scan.name] for scan in scans})
    return _speeds(USUAL_SCRIPT, told, len(scans))


def _run(command: Sequence[str], scans: Sequence[Path], folder: Path) -> list[dict[str, Any]]:
    """What a command in a rival's environment says of its repetitions, as the objects of its lines of JSON."""
    try:
        done = subprocess.run(
            command,
            input="\n".join(str(scan.resolve()) for scan in scans),
            cwd=folder,
            env=rival_variables(),
            capture_output=True,
            check=True,
            text=True,
            timeout=_TIMEOUT_S,
        )
    except subprocess.CalledProcessError as error:
        raise RunFailed(f"status {error.returncode}: {error.stderr[-_TOLD_CHARS:]}") from error
    except subprocess.TimeoutExpired as error:
        raise RunFailed(f"not done after {error.timeout:.0f} s") from error
    return [json.loads(line) for line in done.stdout.splitlines()]


def _speeds(rival: str, told: Sequence[Mapping[str, float]], count: int, more: str = "") -> list[float]:
    speeds = [count / line["seconds"] for line in told]
    _tell(f"{rival}: {', '.join(f'{speed:.1f}' for speed in speeds)} scans/s{more}")
    return speeds


def _tell(text: str) -> None:
    click.echo(text, err=True)
