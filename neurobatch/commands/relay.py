"""`neurobatch relay`: publishes what waits in SQL."""

from __future__ import annotations

import click

from shared.observability import configure_logging
from shared.settings import load_settings
from worker.relay import run_relay


@click.command()
def relay() -> None:
    """Publish waiting scans and give back those of dead workers, until stopped."""
    settings = load_settings()
    configure_logging(settings.log_level)
    run_relay(settings)
