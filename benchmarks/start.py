"""How long a user waits after `make up`: for the API, and for the first result once TensorFlow is imported."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from neurobatch.client import Client
from neurobatch.service import running_service
from shared.settings import Settings


def measure_start(scans: Sequence[Path], folder: Path, *, repetitions: int) -> dict[str, list[float]]:
    """Seconds of each start: `api_ready_s` from it, `first_result_after_import_s` of a scan that waited for it."""
    taken = [_start(scans[number], folder / str(number)) for number in range(repetitions)]
    return {name: [one[name] for one in taken] for name in taken[0]}


def _start(scan: Path, folder: Path) -> dict[str, float]:
    started = time.time()
    with running_service(Settings(data_dir=folder, port=0)) as service, Client(service.url) as client:
        service.wait_until_ready()
        ready = time.time()
        batch = client.submit([scan])
        client.wait(batch["id"], interval_s=0.02)
        ended = time.time()
        imported = _imported_at(folder / "logs" / "worker.log")
    return {
        "api_ready_s": ready - started,
        "import_s": imported - ready,
        "first_result_after_import_s": ended - imported,
    }


def _imported_at(log: Path) -> float:
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    (told,) = [line["timestamp"] for line in lines if line["event"] == "network_imported"]
    return datetime.fromisoformat(told).timestamp()
