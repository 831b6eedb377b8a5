"""Publishes scans that wait in SQL.

The scan rows are the outbox: the API calls this after its commit, and the relay calls it again and again for
whatever that missed. The mark and the message belong to one transaction, so that a broker that refuses leaves
the rows unmarked; a crash after publishing leaves a doubled message, which a claim makes harmless.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from shared import messages
from shared.clock import Clock
from shared.db import queries
from shared.db.session import transaction

_log = structlog.get_logger(__name__)
# One transaction marks at most this many chunks, so that the write lock is never held for long.
_CHUNKS_PER_TRANSACTION = 8
# Of what is left at the end, a chunk takes one of so many shares.
_SHARES = 4
_LEAST_IN_CHUNK = 8  # but for the last two, which halve what is left


def dispatch_pending(engine: Engine, celery: Celery, *, clock: Clock, chunk_size: int) -> int:
    """Publish every scan that is queued, due and not dispatched; their number.

    Raises kombu's OperationalError if the broker is out of reach; what was not published stays pending.
    """
    published = 0
    limit = chunk_size * _CHUNKS_PER_TRANSACTION
    while True:
        with transaction(engine) as session:
            rows = queries.take_undispatched(session, now=clock(), limit=limit)
            for chunk in chunks(rows, chunk_size=chunk_size, are_last=len(rows) < limit):
                payload = messages.process_scans(chunk)
                celery.send_task(messages.PROCESS_SCANS, kwargs=payload, queue=messages.SCANS_QUEUE)
        if not rows:
            return published
        published += len(rows)


def chunks(rows: Sequence[tuple[UUID, int | None]], *, chunk_size: int, are_last: bool = False) -> Iterator[list[UUID]]:
    """Ids in chunks of `chunk_size`, in order; those with a smaller limit of their own in chunks no larger than it.

    Where no others follow, the chunks become smaller towards the end, so that all workers come to it together
    (guided self-scheduling, Polychronopoulos and Kuck 1987).
    """
    by_size: dict[int, list[UUID]] = {}
    for scan_id, limit in rows:
        by_size.setdefault(min(chunk_size, limit or chunk_size), []).append(scan_id)
    for size, ids in by_size.items():
        while ids:
            length = min(size, _share(len(ids))) if are_last else size
            yield ids[:length]
            ids = ids[length:]


def _share(left: int) -> int:
    """How many of those that are left the next chunk takes; the last but one takes half, for two workers at once."""
    if left < _LEAST_IN_CHUNK:
        return left
    return max(min(_LEAST_IN_CHUNK, -(-left // 2)), left // _SHARES)


def dispatch_quietly(engine: Engine, celery: Celery, *, clock: Clock, chunk_size: int) -> bool:
    """As `dispatch_pending`, but a broker or a database that is down is only logged: the relay tries again.

    What is to be published was committed before, and the caller must be told so. False where the broker was out of
    reach.
    """
    try:
        published = dispatch_pending(engine, celery, clock=clock, chunk_size=chunk_size)
    except (OperationalError, OSError) as error:
        _log.warning("broker_unreachable", error=type(error).__name__)
        return False
    except SQLAlchemyError as error:
        _log.warning("dispatch_left_to_the_relay", error=type(error).__name__)
    else:
        if published:
            _log.info("scans_dispatched", count=published)
    return True
