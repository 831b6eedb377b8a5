"""gunicorn's own lines among ours, in the same form and with nothing of what a client sent.

What is no valid request never comes to the application; gunicorn answers it and would repeat in the log what it got:
a search for a patient's name that was not encoded, or the line that holds a key.
"""

from __future__ import annotations

from typing import Any

from gunicorn.config import Config
from gunicorn.glogging import Logger

from shared.observability import configure_logging

_REPEATS_THE_REQUEST = ("Invalid request from ", "Error handling request ")
_BETWEEN_ADDRESS_AND_REQUEST = ": "


def server_log(level: str) -> type[Logger]:
    """Gunicorn's logger that leaves its lines of `level` and above to the root logger."""

    class ServerLog(Logger):  # type: ignore[misc]
        def setup(self, cfg: Config) -> None:
            super().setup(cfg)
            configure_logging(level)
            self.error_log.handlers.clear()
            self.error_log.propagate = True

        def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
            super().warning(*_without_the_request(msg, args), **kwargs)

        def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
            super().exception(*_without_the_request(msg, args), **kwargs)

    return ServerLog


def _without_the_request(msg: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    if not str(msg).startswith(_REPEATS_THE_REQUEST):
        return msg, *args
    return (msg.partition(_BETWEEN_ADDRESS_AND_REQUEST)[0].replace(" %s", ""),)
