"""How much memory the service's processes took at most, by kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from neurobatch.processes import ProcessGroup

_MIB = 1024


def largest_mib(group: ProcessGroup) -> dict[str, float]:
    """Of each part of a service the peak of its largest process, children included, in MiB (VmHWM of Linux)."""
    parents = _parents()
    found = {}
    for part in group.parts:
        assert part.process is not None
        family = [part.process.pid, *_descendants(part.process.pid, parents)]
        found[part.name] = max(_peak_kib(process) for process in family) / _MIB
    return found


def _parents() -> dict[int, int]:
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name, in brackets, may hold anything.
            after_name = (folder / "stat").read_text().rpartition(")")[2]
        except OSError:
            continue
        parents[int(folder.name)] = int(after_name.split()[1])
    return parents


def _descendants(process: int, parents: dict[int, int]) -> Iterator[int]:
    for child, parent in parents.items():
        if parent == process:
            yield child
            yield from _descendants(child, parents)


def _peak_kib(process: int) -> int:
    """0 for a process that has just ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)
