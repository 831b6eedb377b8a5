"""Which kinds of process take the cores while a batch is worked on, and how long these have nothing to do.

From Linux's counters, in steps of 10 ms. What no process of ours took is left over as `elsewhere`: the system's own
threads, which bring files to the disk, whatever else runs, and what the host of a virtual machine gave to others.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.processes import stat_fields

Result = TypeVar("Result")
Kinds = Mapping[str, Collection[int]]
_SIZE = "1000"
_USER, _SYSTEM = 11, 12  # places in /proc/PID/stat, counted after the name
_IDLE, _WAITING = 4, 5  # places in a line of /proc/stat


def processor_time(work: Callable[[], Result], kinds: Callable[[], Kinds]) -> tuple[Result, dict[str, float]]:
    """What `work` gives, and the seconds of a core that each kind took meanwhile, with `elsewhere` and `idle`.

    `cores` is their sum: the time that passed, on all of them. `kinds` is asked before and after: a process that begins
    in between counts, one that ends in between does not.
    """
    cores = _cores()
    before, idle, started = _each(kinds()), _idle_s(cores), time.perf_counter()
    result = work()
    cores_s, idle = len(cores) * (time.perf_counter() - started), _idle_s(cores) - idle
    taken = {
        kind: sum(seconds - before.get(process, 0.0) for process, seconds in _each({kind: processes}).items())
        for kind, processes in kinds().items()
    }
    elsewhere = max(0.0, cores_s - idle - sum(taken.values()))
    return result, {**taken, "elsewhere": elsewhere, "idle": idle, "cores": cores_s}


def processor_table(document: Mapping[str, Any]) -> Iterator[str]:
    """Lines of Markdown, the mean of a run's batches of 1,000; none where a run did not measure it."""
    one = document.get("side_by_side", {}).get(_SIZE, {})
    if "service_processor_s" not in one:
        return
    loop, service = (_ms_a_scan(one[f"{who}_processor_s"]) for who in ("in_process", "service"))
    yield "| processor time, 1,000 scans | loop, ms of a core a scan | service |"
    yield "|---|---|---|"
    last = ("elsewhere", "idle", "cores")
    for kind in [*(kind for kind in {**loop, **service} if kind not in last), *last]:
        told = (f"{side[kind]:.2f}" if kind in side else "" for side in (loop, service))
        yield f"| {'together' if kind == 'cores' else kind} | {' | '.join(told)} |"


def _ms_a_scan(runs: Collection[Mapping[str, float]]) -> dict[str, float]:
    """The mean, so that the kinds make up their sum."""
    kinds = dict.fromkeys(kind for run in runs for kind in run)
    return {kind: 1000 * sum(run.get(kind, 0.0) for run in runs) / len(runs) / int(_SIZE) for kind in kinds}


def _cores() -> Collection[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)


def _each(kinds: Kinds) -> dict[int, float]:
    """Seconds that each process has taken since it began; 0 for one that has ended."""
    ticks = os.sysconf("SC_CLK_TCK")
    told = {process: stat_fields(process) for processes in kinds.values() for process in processes}
    return {process: (int(fields[_USER]) + int(fields[_SYSTEM])) / ticks for process, fields in told.items() if fields}


def _idle_s(cores: Collection[int]) -> float:
    try:
        lines = [line.split() for line in Path("/proc/stat").read_text().splitlines()]
    except OSError:
        return 0.0
    ours = {f"cpu{core}" for core in cores}
    return sum(int(line[_IDLE]) + int(line[_WAITING]) for line in lines if line[0] in ours) / os.sysconf("SC_CLK_TCK")
