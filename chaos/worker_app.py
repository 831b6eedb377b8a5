"""The worker as the harness runs it: `celery -A chaos.worker_app worker`."""

from __future__ import annotations

import os

from chaos import clock

clock.install("worker")

from worker.app import app  # noqa: E402

# Celery's pool imports these in every child before it starts to work.
app.conf.include = ["chaos.worker_faults", "worker.tasks"]

if os.environ.get("NEUROBATCH_CHAOS_NETWORK") == "null":
    from chaos import null_model

    null_model.install()
