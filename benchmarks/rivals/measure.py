"""Measures the rivals beside the service, in turn, and makes sure that each did the same work.

A virtual machine's speed drifts by a tenth within minutes, so each repetition of a rival stands beside one of the
service that follows at once. Whoever is not measured stands still: LitServe, idle, takes 0.3 of a core.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import click

from benchmarks.end_to_end import Run, run_batch
from benchmarks.rivals.environments import CannotInstall, environment
from benchmarks.rivals.expected import expected_labels
from benchmarks.rivals.processes import halted
from benchmarks.rivals.results import Row, read_rows
from benchmarks.rivals.same_work import check
from benchmarks.rivals.servers import ROOT, STARTS, ServerFailed, rival_variables, serving
from benchmarks.service import ready_service
from neurobatch.client import Client
from neurobatch.service import Service
from shared.settings import Settings

USUAL_SCRIPT = "usual_script"
RIVALS = (USUAL_SCRIPT, *STARTS)
ENVIRONMENTS = ROOT / "build" / "bench"
_MOST_OF_THE_SCRIPT = 40  # scans; it does a few a second
_WARM_UP_SCANS = 128
_CONNECTIONS = 64
_TIMEOUT_S = 900.0
_TOLD_CHARS = 1500


@dataclass(frozen=True)
class Speeds:
    """Scans per second of a rival and of the service: a pair for each repetition.

    `before_disk` is the rival's speed until its files were written, be it to memory alone. `environment_s` is what
    it took to make its environment, or to find it as a run before made it.
    """

    environment_s: float
    environment_made: bool
    rival: list[float] = field(default_factory=list)
    before_disk: list[float] = field(default_factory=list)
    service: list[float] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """All of it by name."""
        return asdict(self)


class RunFailed(Exception):
    """A rival could not finish its scans; the message says what it said."""


def measure_rivals(
    scans: Sequence[Path], folder: Path, *, only: Collection[str] = (), repetitions: int
) -> dict[str, Speeds]:
    """The speeds of each rival beside the service's; start-up and warm-up are not counted.

    `scans`: 512 x 512 JPEG files with different names. `folder`: for what is written; it is emptied first. `only`:
    names from `RIVALS`, all where empty. The usual script gets the first 40 of the scans. A rival that cannot be
    installed or run on this machine is told of and left out. Raises NotTheSameWork where one did less than we do.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _tell(f"our own labels of {len(scans)} scans ...")
    expected = expected_labels(scans, Settings().model_dir)
    measured = {}
    with ready_service(folder / "service") as (service, client):
        run_batch(client, scans[:_WARM_UP_SCANS])
        for rival in [name for name in RIVALS if not only or name in only]:
            try:
                found = environment(rival, ENVIRONMENTS, tell=_tell)
                speeds = Speeds(found.seconds, found.made)
                with _ready(rival, found.python, folder / rival) as ready:
                    turns = _Turns(rival, ready, service, client, speeds)
                    turns.take(scans, folder / rival, repetitions=repetitions, expected=expected)
                measured[rival] = speeds
            except (CannotInstall, ServerFailed, RunFailed) as error:
                _tell(f"{rival} is left out: {error}")
    return measured


@dataclass(frozen=True)
class _Done:
    seconds: float
    rows: Sequence[Row]
    disk_s: float = 0.0
    told: str = ""


@dataclass(frozen=True)
class _Ready:
    """`run` does all scans once and leaves its results in a new folder; `processes` are those of its server."""

    run: Callable[[Sequence[Path], Path], _Done]
    processes: Sequence[int] = ()


@contextmanager
def _ready(rival: str, python: Path, folder: Path) -> Iterator[_Ready]:
    if rival == USUAL_SCRIPT:
        yield _Ready(partial(_run_script, python))
        return
    _tell(f"{rival}: starting ...")
    with serving(rival, python, Settings().model_dir, folder / "files") as (url, process):
        yield _Ready(partial(_run_client, rival, python, url), [process])


@dataclass(frozen=True)
class _Turns:
    rival: str
    ready: _Ready
    service: Service
    client: Client
    speeds: Speeds

    def take(self, scans: Sequence[Path], folder: Path, *, repetitions: int, expected: Mapping[str, str]) -> None:
        speeds = self.speeds
        theirs = scans[:_MOST_OF_THE_SCRIPT] if self.rival == USUAL_SCRIPT else scans
        for number in range(repetitions):
            done = self._rivals(theirs, folder / str(number))
            check(self.rival, done.rows, {scan.name: expected[scan.name] for scan in theirs})
            speeds.rival.append(len(theirs) / done.seconds)
            speeds.before_disk.append(len(theirs) / (done.seconds - done.disk_s))
            speeds.service.append(self._ours(scans).scans_per_s)
            told = f"{speeds.rival[-1]:.1f} scans/s{done.told}, the service {speeds.service[-1]:.1f}"
            _tell(f"{self.rival}, {number + 1} of {repetitions}: {told}")

    def _rivals(self, scans: Sequence[Path], results: Path) -> _Done:
        parts = [part.process.pid for part in self.service.group.parts if part.process is not None]
        os.sync()  # what the one has left to be written is not to be the other's burden
        with halted(parts):
            return self.ready.run(scans, results)

    def _ours(self, scans: Sequence[Path]) -> Run:
        os.sync()
        with halted(self.ready.processes):
            return run_batch(self.client, scans)


def _run_script(python: Path, scans: Sequence[Path], results: Path) -> _Done:
    results.mkdir(parents=True)
    told = _run([python, "-m", "benchmarks.rivals.usual_script", Settings().model_dir, results], scans, results)
    return _Done(told["seconds"], read_rows(results / "timed" / "results.csv"))


def _run_client(rival: str, python: Path, url: str, scans: Sequence[Path], results: Path) -> _Done:
    results.mkdir(parents=True)
    rows = results / "rows.sqlite"
    told = _run([python, "-m", "benchmarks.rivals.client", rival, url, rows, str(_CONNECTIONS)], scans, results)
    client = f" with the client on {told['client_share']:.0%} of a core, {told['disk_s']:.2f} s of it for the disk"
    return _Done(told["seconds"], read_rows(rows), told["disk_s"], client)


def _run(command: Sequence[str | Path], scans: Sequence[Path], folder: Path) -> dict[str, float]:
    """What a command in a rival's environment says of its run, as JSON."""
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
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def _tell(text: str) -> None:
    click.echo(text, err=True)
