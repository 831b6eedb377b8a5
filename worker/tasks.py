"""Every task on the wire, each a shell around a function that knows nothing of Celery."""

from __future__ import annotations

from uuid import UUID

from shared import messages
from worker import processing, runtime
from worker.app import app


@app.task(name=messages.PROCESS_SCANS)
def process_scans(scan_ids: list[str]) -> None:
    """Process one chunk of scans."""
    here = runtime.current()
    processing.process_scans(here, [UUID(scan_id) for scan_id in scan_ids], finisher=here.finisher)
