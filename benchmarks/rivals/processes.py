"""Ends a server with all its children, also those that moved to sessions of their own, as BentoML's do."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import defaultdict
from contextlib import suppress


def stop(process: subprocess.Popen[bytes], *, grace_s: float) -> None:
    """SIGTERM to the leader of a session, and after `grace_s` seconds SIGKILL to whatever is left below it."""
    below = descendants(process.pid)
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(grace_s)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for pid in below:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


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
