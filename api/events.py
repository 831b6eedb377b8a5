"""A batch's progress as server-sent events, fed from SQL.

The stream holds nothing that SQL does not: after a reconnect, or a restart of this process, it goes on after the number
that the client saw last (Last-Event-ID, WHATWG HTML, section 9.2).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Engine

from api.schemas.batches import batch_document
from api.schemas.scans import EventDocument
from shared.db import queries
from shared.db.events import events_after
from shared.db.models import Batch
from shared.db.queries import BatchProgress
from shared.db.session import reading
from shared.errors import InvalidRequest

_PAGE = 500
_POLL_S = 0.5
_SIGN_OF_LIFE_S = 15.0
_LAST_ID = re.compile(r"(\d{1,9})(\.done)?")


@dataclass(frozen=True)
class Position:
    """How far a client has come: the last event's number, and whether it was told that the batch is done."""

    number: int = 0
    done: bool = False


def parse_position(last_event_id: str | None) -> Position:
    """What the Last-Event-ID header says; InvalidRequest for an id that no stream gave out."""
    if not last_event_id:
        return Position()
    match = _LAST_ID.fullmatch(last_event_id)
    if match is None:
        raise InvalidRequest("The Last-Event-ID is not one that a stream gave out.", code="invalid_last_event_id")
    return Position(int(match[1]), done=match[2] is not None)


def nothing_left(engine: Engine, batch_id: UUID, position: Position) -> bool:
    """Whether a client that was told of the end need not connect again."""
    _, events, end = _look(engine, batch_id, number=position.number)
    return position.done and end is not None and not events


def follow(
    engine: Engine, batch_id: UUID, position: Position, *, retention_days: float, may_go_on: Callable[[], bool]
) -> Iterator[str]:
    """Each scan's new state as it is recorded, then the batch once all are done.

    Breaks off when it may not go on, as it does when a key is revoked.
    """
    yield "retry: 1000\n\n"
    number, quiet_since = position.number, time.monotonic()
    while may_go_on():
        known, events, end = _look(engine, batch_id, number=number)
        if not known:
            yield "event: deleted\ndata: {}\n\n"
            return
        for event in events:
            number = event.number
            yield f"id: {number}\nevent: scan\ndata: {event.document}\n\n"
        if events:
            quiet_since = time.monotonic()
            continue
        if end is not None:
            document = batch_document(*end, retention_days=retention_days).model_dump_json()
            yield f"id: {number}.done\nevent: done\ndata: {document}\n\n"
            return
        if time.monotonic() - quiet_since > _SIGN_OF_LIFE_S:
            yield ": still here\n\n"
            quiet_since = time.monotonic()
        time.sleep(_POLL_S)


@dataclass(frozen=True)
class _Numbered:
    number: int
    document: str


def _look(
    engine: Engine, batch_id: UUID, *, number: int
) -> tuple[bool, list[_Numbered], tuple[Batch, BatchProgress] | None]:
    """Whether the batch exists, its events after `number`, and the batch itself if it is done."""
    with reading(engine) as session:
        # Progress is read first: if all scans are done then, the events read after it are complete, as is the batch.
        progress = queries.progress(session, [batch_id])[batch_id]
        batch = session.get(Batch, batch_id)
        if batch is None:
            return False, [], None
        found = events_after(session, batch_id, number=number, limit=_PAGE)
        events = [
            _Numbered(e.number, EventDocument(scan_id=e.scan_id, state=e.state, at=e.at).model_dump_json())
            for e in found
        ]
        end = None if progress.unfinished else (batch, progress)
    return True, events, end
