"""Has every message delivered twice while the flag `twice` is set, and kills publishers between message and commit."""

from __future__ import annotations

from typing import Any

from celery import Celery

from chaos.tokens import die_at, flag


def install(part: str) -> None:
    """Wrap Celery's `send_task` in this process."""
    send_once = Celery.send_task

    def send_task(self: Celery, *args: Any, **kwargs: Any) -> Any:
        sent = send_once(self, *args, **kwargs)
        if flag("twice") is not None:
            send_once(self, *args, **kwargs)
        die_at(f"{part}.published")
        return sent

    Celery.send_task = send_task
