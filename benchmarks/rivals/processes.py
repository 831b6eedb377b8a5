"""Halts or ends a server with all its children, also those that moved to sessions of their own, as BentoML's do."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress


def stop(process: subprocess.Popen[bytes], *, grace_s: float) -> None:
    """SIGTERM to the leader of a session, and after `grace_s` seconds SIGKILL to whatever is left below it."""
    below = descendants(process.pid)
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(grace_s)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    _signal(below, signal.SIGKILL)
    process.wait()


@contextmanager
def halted(leaders: Collection[int]) -> Iterator[None]:
    """These processes and all below them stand still meanwhile: idle servers look for work again and again."""
    family = [pid for leader in leaders for pid in (leader, *descendants(leader))]
    _signal(family, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(family, signal.SIGCONT)


def _signal(processes: Collection[int], number: signal.Signals) -> None:
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def descendants(pid: int) -> list[int]:
    """Children of a process, their children, and on."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], check=True, capture_output=True, text=True)  # noqa: S607
    children = defaultdict(list)
    for line in listed.stdout.splitlines():
        child, parent = map(int, line.split())
        children[parent].append(child)
    found, waiting = [], [pid]
    while waiting:
        waiting += (below := children[waiting.pop()])
        found += below
    return found
