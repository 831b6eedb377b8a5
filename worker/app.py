"""What Celery runs: `celery -A worker.app worker`."""

from __future__ import annotations

from typing import Any

from celery.signals import setup_logging

from shared.broker import make_celery
from shared.observability import configure_logging
from shared.settings import load_settings

settings = load_settings()
# At once, so that what happens before Celery would set it up is logged alike.
configure_logging(settings.log_level)
app = make_celery(settings, for_worker=True)
app.conf.include = ["worker.tasks"]


@setup_logging.connect
def _leave_logging_alone(**_: Any) -> None:
    """That somebody listens keeps Celery from setting it up."""
