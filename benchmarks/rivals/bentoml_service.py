"""BentoML."""

from __future__ import annotations

import base64

import bentoml

from benchmarks.rivals.work import Answer, work_of_this_process, workers

_MAX_BATCH = 16
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
