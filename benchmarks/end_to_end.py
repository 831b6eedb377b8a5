"""From the first byte of a submission to its batch completed: rows, raw maps and overlays in their place."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neurobatch.client import Client

_POLL_S = 1.0  # at most; towards the end the client looks twenty times a second
_LEAST_SUCCEEDED = 0.98  # the gate turns a few real scans away


@dataclass(frozen=True)
class Run:
    """One batch's way, in seconds from its first byte: until the answer 202, and until it was completed."""

    scans: int
    accepted_s: float
    completed_s: float

    @property
    def scans_per_s(self) -> float:
        """Over the whole way."""
        return self.scans / self.completed_s


def run_batch(client: Client, scans: Sequence[Path]) -> Run:
    """Send one batch and wait for its end; RuntimeError unless nearly every scan came to a result, and none failed."""
    sent: list[float] = []  # when the first bytes were ready to be sent, the next ones, ...
    batch = client.submit([*scans], on_progress=lambda _: sent.append(time.perf_counter()))
    accepted = time.perf_counter()
    done = client.wait(batch["id"], interval_s=_POLL_S)
    completed = time.perf_counter()
    started = sent[0]
    counts = done["counts"]
    if counts["succeeded"] < _LEAST_SUCCEEDED * len(scans) or counts["succeeded"] + counts["rejected"] != len(scans):
        raise RuntimeError(f"the scans did not come to results: {counts}")
    return Run(len(scans), accepted - started, completed - started)
