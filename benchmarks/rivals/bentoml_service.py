"""BentoML 1.4 by its guides "Adaptive batching" and "Parallelize requests handling" (docs.bentoml.com).

Followed: a batchable endpoint, `max_batch_size` 32 as in the guide, workers as many as cores ("CPU workloads"), a
`max_latency_ms` that is never reached, since what would reach it is refused with 503. Beyond the guides: no log of
accesses, no metrics, uvloop and httptools installed, scans as base64 in JSON (pydantic reads it faster than
multipart, which lays each file on disk first).

Tried, two cores shared with other work, so told as processor time per scan: batches of 8 15.5 ms, 16 14.7 ms, 32
13.7 ms; one worker with two threads for the network 15.5 ms; a new connection for each request, which spreads the load
better over the workers, 15.5 ms.
"""

from __future__ import annotations

import base64

import bentoml

from benchmarks.rivals.work import Answer, work_of_this_process, workers

_MAX_BATCH = 32
_MAX_LATENCY_MS = 60_000
_TIMEOUT_S = 120


@bentoml.service(
    workers=workers(),
    traffic={"timeout": _TIMEOUT_S},
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
)
class ScanService:
    """Classifies and explains scans."""

    def __init__(self) -> None:
        self._work = work_of_this_process()

    @bentoml.api(batchable=True, max_batch_size=_MAX_BATCH, max_latency_ms=_MAX_LATENCY_MS)
    def classify(self, scans: list[str]) -> list[Answer]:
        """Image files in base64, of several requests, to their answers in order."""
        return self._work.run([base64.b64decode(scan) for scan in scans])
