"""The service and the in-process loop over the same scans, in turn; and the memory that the service took.

Nothing that was written is removed before the end, about 250 KB a scan. ext4 gives no number of a file that was deleted
in the last minutes to a new one and looks at them one by one: in a folder of which 4,000 files were just deleted,
making a file took 460 µs instead of 20, which is more than all else that the service adds to the loop.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.end_to_end import Run, run_batch
from benchmarks.in_process import InProcessLoop
from benchmarks.processes import largest_mib
from benchmarks.service import ready_service
from neurobatch.client import Client
from neurobatch.service import Service
from shared.settings import Settings, usable_cores

_WARM_UP_SCANS = 128


@dataclass
class Turns:
    """Of one size of batch the runs of the service, the loop's seconds beside them, and the peaks of memory after."""

    service: list[Run] = field(default_factory=list)
    loop_s: list[float] = field(default_factory=list)
    peak_mib: dict[str, float] = field(default_factory=dict)

    @property
    def service_s(self) -> list[float]:
        """Seconds until the batches were completed."""
        return [run.completed_s for run in self.service]


def measure_side_by_side(
    scans: Sequence[Path], folder: Path, *, repetitions: Mapping[int, int], tell: Callable[[str], None]
) -> dict[int, Turns]:
    """For each size of batch in `repetitions` as many turns; the sizes in rising order, so that peaks are theirs."""
    found: dict[int, Turns] = {}
    with _both(folder, scans) as (service, client, loop):
        for size in sorted(repetitions):
            found[size] = turns = Turns()
            for number in range(repetitions[size]):
                turns.loop_s.append(_loop(loop, scans[:size], folder / f"loop-{size}-{number}"))
                turns.service.append(_batch(client, scans[:size]))
                done = f"{number + 1} of {repetitions[size]}"
                speeds = f"{size / turns.loop_s[-1]:.0f} in process, {turns.service[-1].scans_per_s:.0f} end to end"
                tell(f"{size} scans, {done}: {speeds} scans/s")
            turns.peak_mib = largest_mib(service.group)
    return found


@contextmanager
def _both(folder: Path, scans: Sequence[Path]) -> Iterator[tuple[Service, Client, InProcessLoop]]:
    loop = InProcessLoop(model_dir=Settings().model_dir, processes=usable_cores())
    try:
        with ready_service(folder / "service") as (service, client):
            _loop(loop, scans[:_WARM_UP_SCANS], folder / "loop-warm-up")
            _batch(client, scans[:_WARM_UP_SCANS])
            yield service, client, loop
    finally:
        loop.close()


def _loop(loop: InProcessLoop, scans: Sequence[Path], folder: Path) -> float:
    os.sync()  # what the one has left to be written is not to be the other's burden
    return loop.run(scans, folder)


def _batch(client: Client, scans: Sequence[Path]) -> Run:
    os.sync()
    return run_batch(client, scans)
