"""How gunicorn serves the API; read by `gunicorn api.wsgi:app` from the project's root."""

from __future__ import annotations

import gc
import os
import signal
from typing import Any

from api.pacing import worker_class as paced
from api.server_log import server_log
from api.startup import reason_not_to_listen
from shared.liveness import die_with_parent
from shared.settings import is_loopback, load_settings

_settings = load_settings()
# Tenfold the default: each full collection holds up every request that is being answered.
_YOUNGER_COLLECTIONS_BEFORE_A_FULL_ONE = 100

bind = _settings.bind
# One process with threads: uploads and downloads wait for disk and network, and open event streams only wait.
workers = 1
worker_class = paced(pause_s=_settings.max_client_pause_s, bytes_per_s=_settings.min_client_bytes_per_s)
threads = _settings.api_threads
# It would write past the pacing, and wait without end for a client that does not read a file of the page.
sendfile = False
# An upload of gigabytes may take long; the threads' heartbeat does not depend on requests.
timeout = 60
graceful_timeout = 10
keepalive = 5
limit_request_line = 8190
control_socket_disable = True
logger_class = server_log(_settings.log_level)


def on_starting(server: Any) -> None:
    """Ask for keys wherever other machines reach, also where `--bind` says otherwise than the settings do."""
    hosts = [address[0] if isinstance(address, tuple) else "" for address in server.cfg.address]
    if not all(map(is_loopback, hosts)):
        os.environ["NEUROBATCH_REQUIRE_KEYS"] = "1"  # for the process that serves, which is not forked yet
    if (reason := reason_not_to_listen(_settings, hosts)) is not None:
        raise SystemExit(reason)


def post_fork(server: Any, _worker: Any) -> None:
    """Go with the master: a worker that outlived it would hold the port against the next one."""
    die_with_parent(signal.SIGKILL, parent=server.pid)


def post_worker_init(_worker: Any) -> None:
    """Keep the application out of garbage collections: looking through all of it took 150 to 200 ms (docs/adr/0021)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], _YOUNGER_COLLECTIONS_BEFORE_A_FULL_ONE)
