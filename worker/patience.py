"""Waiting for a database that is away for a moment: a restart must not cost a worker what it has done.

Every write of a worker is guarded by its fence and may therefore be repeated, also when a commit's answer was
lost and nobody knows whether it happened.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from shared.db.session import transaction

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0


def patiently(engine: Engine, write: Callable[[Session], _T], *, within_s: float, durable: bool = True) -> _T:
    """Run `write` in a transaction, again and again while the database does not answer.

    Raises OperationalError or InterfaceError once `within_s` has passed without an answer.
    """
    deadline, pause_s = time.monotonic() + within_s, _FIRST_PAUSE_S
    while True:
        try:
            with transaction(engine, durable=durable) as session:
                return write(session)
        except (OperationalError, InterfaceError) as error:
            if time.monotonic() + pause_s > deadline:
                raise
            _log.warning("database_awaited", error=type(error.orig).__name__)
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
