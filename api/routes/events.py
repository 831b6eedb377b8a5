"""`/v1/batches/{id}/events`: a batch's progress as it happens."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, request

from api import batches, events
from api.callers import Caller, caller
from api.services import Services, services

blueprint = APIBlueprint("events", __name__, url_prefix="/v1/batches/<uuid:batch_id>/events", tag="Batches")


@blueprint.get("")
@blueprint.doc(operation_id="follow_batch", responses=[204, 404, 422, 429, 503])
def follow(batch_id: UUID) -> Response:
    """Follow a batch as server-sent events: `scan` for each that ended or was queued again, `done` at the end.

    Resumable with Last-Event-ID; a client that saw `done` is answered 204 while nothing new happens.
    """
    position = events.parse_position(request.headers.get("Last-Event-ID"))
    batches.find_batch(services(), caller(), batch_id)
    if events.nothing_left(services().engine, batch_id, position):
        return Response(status=HTTPStatus.NO_CONTENT)
    current = services()
    current.event_streams.take(caller())
    response = Response(_OneStream(current, caller(), batch_id, position), mimetype="text/event-stream")
    response.cache_control.no_store = True
    response.headers["X-Accel-Buffering"] = "no"
    return response


class _OneStream:
    """A stream that gives its place back however it ends: read out, broken off, or never begun."""

    def __init__(self, current: Services, caller: Caller, batch_id: UUID, position: events.Position) -> None:
        self._give_back = partial(current.event_streams.give_back, caller)
        self._lines = events.follow(
            current.engine,
            batch_id,
            position,
            retention_days=current.settings.retention_days,
            may_go_on=lambda: current.still_holds(caller),
        )
        self._open = True

    def __iter__(self) -> Iterator[str]:
        return self._lines

    def close(self) -> None:
        """Called by the server when the response ends."""
        if self._open:
            self._open = False
            self._give_back()
