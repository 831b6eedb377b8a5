"""The most memory that this process ever held, as the system counted it."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_memory_bytes() -> int:
    """Peak resident memory since this program was started.

    Linux's getrusage begins with what the parent held when it started the program, so the kernel's own mark is read
    where there is one.
    """
    if _STATUS.exists():
        marks = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
        return int(marks["VmHWM"].split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
