"""The service and the in-process loop over the same scans, in turn; what they took of cores, memory and disk.

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
from typing import Any

from benchmarks.disk import disk_bytes
from benchmarks.end_to_end import Run, run_batch
from benchmarks.in_process import InProcessLoop
from benchmarks.processes import by_kind, largest_mib
from benchmarks.processor_time import processor_time
from benchmarks.service import ready_service
from neurobatch.client import Client
from neurobatch.service import Service
from shared.settings import Settings, usable_cores

_WARM_UP_SCANS = 128


@dataclass
class Turns:
    """Of one size of batch the runs of the service, the loop's seconds beside them, and the peaks of memory after.

    Of each run the seconds of a core by kind of process; on disk the bytes that a scan takes, of all sent until then.
    """

    service: list[Run] = field(default_factory=list)
    service_processor_s: list[dict[str, float]] = field(default_factory=list)
    loop_s: list[float] = field(default_factory=list)
    loop_processor_s: list[dict[str, float]] = field(default_factory=list)
    peak_mib: dict[str, float] = field(default_factory=dict)
    disk_bytes_a_scan: dict[str, float] = field(default_factory=dict)

    @property
    def service_s(self) -> list[float]:
        """Seconds until the batches were completed."""
        return [run.completed_s for run in self.service]

    def as_json(self) -> dict[str, Any]:
        """All of it by name."""
        return {
            "service_s": self.service_s,
            "accepted_s": [run.accepted_s for run in self.service],
            "service_processor_s": self.service_processor_s,
            "in_process_s": self.loop_s,
            "in_process_processor_s": self.loop_processor_s,
            "peak_mib": self.peak_mib,
            "disk_bytes_a_scan": self.disk_bytes_a_scan,
        }


def measure_side_by_side(
    scans: Sequence[Path], folder: Path, *, repetitions: Mapping[int, int], tell: Callable[[str], None]
) -> dict[int, Turns]:
    """For each size of batch in `repetitions` as many turns; the sizes in rising order, so that peaks are theirs."""
    found: dict[int, Turns] = {}
    sent = len(scans[:_WARM_UP_SCANS])
    with _both(folder, scans) as (service, client, loop):
        for size in sorted(repetitions):
            found[size] = turns = Turns()
            for number in range(repetitions[size]):
                _loop_turn(turns, loop, scans[:size], folder / f"loop-{size}-{number}")
                _service_turn(turns, service, client, scans[:size])
                sent += size
                done = f"{number + 1} of {repetitions[size]}"
                speeds = f"{size / turns.loop_s[-1]:.0f} in process, {turns.service[-1].scans_per_s:.0f} end to end"
                tell(f"{size} scans, {done}: {speeds} scans/s")
            turns.peak_mib = largest_mib(service.group)
            on_disk = disk_bytes(service.settings.data_dir)
            turns.disk_bytes_a_scan = {kind: taken / sent for kind, taken in on_disk.items()}
    return found


@contextmanager
def _both(folder: Path, scans: Sequence[Path]) -> Iterator[tuple[Service, Client, InProcessLoop]]:
    loop = InProcessLoop(model_dir=Settings().model_dir, processes=usable_cores())
    try:
        with ready_service(folder / "service") as (service, client):
            loop.run(scans[:_WARM_UP_SCANS], folder / "loop-warm-up")
            run_batch(client, scans[:_WARM_UP_SCANS])
            yield service, client, loop
    finally:
        loop.close()


def _loop_turn(turns: Turns, loop: InProcessLoop, scans: Sequence[Path], folder: Path) -> None:
    os.sync()  # what the one has left to be written is not to be the other's burden
    kinds = {"client": [os.getpid()], "loop": loop.processes}
    seconds, taken = processor_time(lambda: loop.run(scans, folder), lambda: kinds)
    turns.loop_s.append(seconds)
    turns.loop_processor_s.append(taken)


def _service_turn(turns: Turns, service: Service, client: Client, scans: Sequence[Path]) -> None:
    os.sync()
    run, taken = processor_time(
        lambda: run_batch(client, scans), lambda: {"client": [os.getpid()], **by_kind(service.group)}
    )
    turns.service.append(run)
    turns.service_processor_s.append(taken)
