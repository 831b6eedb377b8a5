"""The service's processes by kind, and how much memory they took at most."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from neurobatch.processes import ProcessGroup

_MIB = 1024
DECODING = "decoding"  # of the API and of each worker; no part of its own, but a kind of process


def by_kind(group: ProcessGroup) -> dict[str, list[int]]:
    """Of each part of a service its processes, children included; those that decode pictures apart."""
    parents = _parents()
    kinds: dict[str, list[int]] = {}
    for part in group.parts:
        assert part.process is not None
        for process in [part.process.pid, *_descendants(part.process.pid, parents)]:
            kinds.setdefault(DECODING if _decodes(process) else part.name, []).append(process)
    return kinds


def largest_mib(group: ProcessGroup) -> dict[str, float]:
    """Of each kind of process the peak of the largest, in MiB (VmHWM of Linux)."""
    return {kind: max(_peak_kib(process) for process in found) / _MIB for kind, found in by_kind(group).items()}


def stat_fields(process: int) -> list[str]:
    """What Linux tells of a process after its name, state first; empty for one that has just ended."""
    try:
        # The name, in brackets, may hold anything.
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _parents() -> dict[int, int]:
    told = {int(folder.name): stat_fields(int(folder.name)) for folder in Path("/proc").glob("[0-9]*")}
    return {process: int(fields[1]) for process, fields in told.items() if fields}


def _descendants(process: int, parents: dict[int, int]) -> Iterator[int]:
    for child, parent in parents.items():
        if parent == process:
            yield child
            yield from _descendants(child, parents)


def _decodes(process: int) -> bool:
    try:
        return b"shared.decoding" in Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def _peak_kib(process: int) -> int:
    """0 for a process that has just ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)
