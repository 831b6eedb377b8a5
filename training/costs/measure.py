"""What a network costs: parameters, multiply-accumulates, bytes, time on one and two threads, memory, training time.

A time says nothing by itself on a machine that does other work. So every model and number of threads has a process of
its own, all of them are asked in turn, round by round, and what is compared are medians and ratios within a round.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from training.evaluation.history import teacher_of, training_minutes
from worker.inference.bundle import Bundle, read_bundle

Report = Callable[[str], None]
_TIMES = ("latency_ms", "scans_per_s", "cpu_ms_per_scan")
_NOTE = "Times and memory are comparable only within this run, on this machine."


@dataclass(frozen=True)
class Subject:
    """A bundle to be measured, and the `history.jsonl` of the run that made it, where it is known."""

    bundle: Path
    history: Path | None = None


@dataclass(frozen=True)
class Effort:
    """How much is measured in each of `rounds`: `calls` of one scan, `batches` of 32."""

    rounds: int = 9
    calls: int = 20
    batches: int = 6


def measure_costs(
    subjects: Sequence[Subject],
    *,
    threads: Sequence[int] = (1, 2),
    effort: Effort | None = None,
    report: Report = print,
) -> dict[str, Any]:
    """Measure bundles side by side; times are of the forward pass that gives logits and class maps.

    Every time is `{median, low, high}` over the rounds, low and high being quartiles; `over_first` holds the ratios to
    the first bundle, taken within each round. Raises InvalidBundle, and RuntimeError where a process ends early.
    """
    effort = effort or Effort()
    bundles = [read_bundle(subject.bundle) for subject in subjects]
    machine = _machine()
    with ExitStack() as stack:
        processes = {
            (at, count): stack.enter_context(_Process(subject.bundle, threads=count))
            for at, subject in enumerate(subjects)
            for count in threads
        }
        loaded = {key: process.read() for key, process in processes.items()}
        rounds = [_round(processes, effort, number=number, report=report) for number in range(effort.rounds)]
    models = [
        {
            **_known(bundle, subject, loaded[at, threads[0]]),
            "threads": {str(count): _summary(rounds, (at, count)) for count in threads},
            "over_first": {str(count): _ratios(rounds, (at, count), (0, count)) for count in threads},
        }
        for at, (subject, bundle) in enumerate(zip(subjects, bundles, strict=True))
    ]
    versions = {"tensorflow": loaded[0, threads[0]]["tensorflow"], "python": platform.python_version()}
    return {"note": _NOTE, "machine": {**machine, **versions}, "rounds": effort.rounds, "models": models}


def environment_of(*, threads: int) -> dict[str, str]:
    """Of a process that is measured: numpy's threads are as many as TensorFlow's. They spin while they wait."""
    of_numpy = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), str(threads))
    return {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, **of_numpy}


_Key = tuple[int, int]  # place of the bundle, threads
_Round = Mapping[_Key, Mapping[str, float]]


class _Process:
    """`training.costs.process` with one bundle and number of threads, spoken to in lines of JSON."""

    def __init__(self, bundle: Path, *, threads: int) -> None:
        self._name = f"{bundle} on {threads} threads"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "training.costs.process", str(bundle), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment_of(threads=threads),
        )

    def __enter__(self) -> _Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._process.kill()
        self._process.communicate()

    def read(self) -> dict[str, Any]:
        """The next line that it tells."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process that measures {self._name} ended with status {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def measure(self, effort: Effort) -> dict[str, Any]:
        """One round."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"calls": effort.calls, "batches": effort.batches}) + "\n")
        self._process.stdin.flush()
        return self.read()


def _round(processes: Mapping[_Key, _Process], effort: Effort, *, number: int, report: Report) -> _Round:
    """One answer of every process, forwards and backwards in turn, so that none is always first."""
    keys = list(processes)[:: 1 if number % 2 == 0 else -1]
    answers = {key: processes[key].measure(effort) for key in keys}
    report(f"round {number + 1} of {effort.rounds}")
    return answers


def _known(bundle: Bundle, subject: Subject, loaded: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": bundle.name,
        "bundle": os.path.relpath(subject.bundle),
        "sha256": bundle.description["sha256"],
        "input_px": bundle.size_px,
        "parameters": loaded["parameters"],
        "macs": loaded["macs"],
        "size_bytes": bundle.weights.stat().st_size,
        "training_minutes": training_minutes(subject.history) if subject.history else None,
        "teacher": teacher_of(subject.history) if subject.history else "",
    }


def _summary(rounds: Sequence[_Round], key: _Key) -> dict[str, Any]:
    times = {name: _spread([answers[key][name] for answers in rounds]) for name in _TIMES}
    return {**times, "peak_memory_mb": round(rounds[-1][key]["peak_memory_bytes"] / 1e6)}


def _ratios(rounds: Sequence[_Round], key: _Key, first: _Key) -> dict[str, Any]:
    return {name: _spread([answers[key][name] / answers[first][name] for answers in rounds]) for name in _TIMES}


def _spread(values: Sequence[float]) -> dict[str, float]:
    low, median, high = np.percentile(values, (25, 50, 75))
    return {"median": round(float(median), 3), "low": round(float(low), 3), "high": round(float(high), 3)}


def _machine() -> dict[str, Any]:
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        # Above 0 before anything was measured: other work was going on.
        "load_before": round(os.getloadavg()[0], 2),
    }


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
