"""The service as `make up` runs it, on a folder of its own, ready to work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neurobatch.client import Client
from neurobatch.service import Service, running_service
from shared import presence
from shared.settings import Settings

_READY_WITHIN_S = 180.0


@contextmanager
def ready_service(folder: Path, **settings: object) -> Iterator[tuple[Service, Client]]:
    """Default settings but for `settings`; the block begins once the workers have loaded the network."""
    chosen = Settings.model_validate({"data_dir": folder, "port": 0, **settings})
    with running_service(chosen) as service:
        service.wait_until_ready()
        _wait_for_workers(chosen)
        with Client(service.url) as client:
            yield service, client


def _wait_for_workers(settings: Settings) -> None:
    broker = presence.connect(settings)
    deadline = time.monotonic() + _READY_WITHIN_S
    while len(presence.living_workers(broker)) < settings.worker_children:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the workers are not ready after {_READY_WITHIN_S:g} s; see {settings.data_dir}/logs")
        time.sleep(0.05)
    broker.close()
