"""How gunicorn serves the API; read by `gunicorn api.wsgi:app` from the project's root."""

from __future__ import annotations

import signal
from typing import Any

from api.pacing import worker_class as paced
from shared.liveness import die_with_parent
from shared.settings import load_settings

_settings = load_settings()

bind = f"{_settings.host}:{_settings.port}"
# One process with threads: uploads and downloads wait for disk and network, and open event streams only wait.
workers = 1
worker_class = paced(pause_s=_settings.max_client_pause_s, bytes_per_s=_settings.min_client_bytes_per_s)
threads = _settings.api_threads
# An upload of gigabytes may take long; the threads' heartbeat does not depend on requests.
timeout = 60
graceful_timeout = 10
keepalive = 5
limit_request_line = 8190
control_socket_disable = True


def post_fork(server: Any, _worker: Any) -> None:
    """Go with the master: a worker that outlived it would hold the port against the next one."""
    die_with_parent(signal.SIGKILL, parent=server.pid)
