"""The one place that configures Celery.

SQL is the truth and the broker is a hint (docs/adr/0002): a lost or doubled message must cost nothing but
time. So there is no result backend, no retry by Celery and no ETA; the scan's row owns attempts, and a claim
makes doubles harmless.
"""

from __future__ import annotations

from celery import Celery

from shared.messages import SCANS_QUEUE
from shared.settings import Settings

# A broker that is down must not hold a request or a transaction for longer than this.
_CONNECT_TIMEOUT_S = 2.0
# Nor one that takes connections and does not answer. Workers wait for messages, and there is no hurry.
_PUBLISH_TIMEOUT_S = 2.0
_WAIT_TIMEOUT_S = 30.0


def make_celery(settings: Settings, *, for_worker: bool = False) -> Celery:
    """A configured Celery application, by default one that publishes; nothing is connected until it is used."""
    app = Celery("neurobatch", broker=settings.broker_url, set_as_current=False)
    app.conf.update(
        task_default_queue=SCANS_QUEUE,
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=False,
        task_soft_time_limit=settings.task_soft_limit_s,
        task_time_limit=settings.task_hard_limit_s,
        task_publish_retry=False,
        broker_connection_timeout=_CONNECT_TIMEOUT_S,
        broker_pool_acquire_timeout=_CONNECT_TIMEOUT_S,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": settings.visibility_timeout_s,
            "socket_connect_timeout": _CONNECT_TIMEOUT_S,
            "socket_timeout": _WAIT_TIMEOUT_S if for_worker else _PUBLISH_TIMEOUT_S,
            # Publishing tries twice and gives up: the relay comes back. Workers wait for ever, see above.
            "max_retries": 1,
            "interval_start": 0,
        },
        worker_prefetch_multiplier=1,
        worker_concurrency=settings.worker_children,
        # Forked after TensorFlow was imported and before it was used, which is all that it survives (docs/adr/0013).
        worker_pool_start_method="fork",
        # The network is loaded before a child reports itself alive.
        worker_proc_alive_timeout=120.0,
        worker_soft_shutdown_timeout=10.0,
        worker_enable_soft_shutdown_on_idle=True,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
    )
    return app
