"""Names and payloads of every task on the wire.

The API publishes by name and never imports the worker, so both agree here on what a message looks like.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict
from uuid import UUID

PROCESS_SCANS = "neurobatch.process_scans"
SCANS_QUEUE = "scans"


class ProcessScans(TypedDict):
    """One chunk of work: ids only, pixels stay on disk."""

    scan_ids: list[str]


def process_scans(scan_ids: Sequence[UUID]) -> ProcessScans:
    """Build the payload of one `PROCESS_SCANS` message."""
    return ProcessScans(scan_ids=[str(scan_id) for scan_id in scan_ids])
