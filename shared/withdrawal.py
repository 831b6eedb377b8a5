"""Takes messages about scans that are gone out of the broker, so that a deletion leaves nothing there either.

A message may be about scans of other batches, too. It goes all the same and those are published again, which a claim
makes harmless should a worker hold the old one already. A broker that is away keeps its messages until a worker throws
them away: they hold ids alone, and nothing can be claimed by them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection
from typing import Any, cast
from uuid import UUID

import redis
import structlog
from sqlalchemy import Engine

from shared.db import sweeps
from shared.db.session import transaction
from shared.messages import PROCESS_SCANS, SCANS_QUEUE

_log = structlog.get_logger(__name__)
_AT_ONCE = 500
# Where kombu keeps what a worker has taken and not acknowledged, and when it took it.
_IN_HAND, _IN_HAND_INDEX = "unacked", "unacked_index"


def withdraw(broker: redis.Redis, engine: Engine, scan_ids: Collection[UUID]) -> None:
    """Remove every message that names one of `scan_ids`, whose rows are gone; their neighbours go out again."""
    gone = {str(scan_id) for scan_id in scan_ids}
    neighbours: set[str] = set()
    try:
        for message in _waiting(broker):
            if named := _named_by(json.loads(message), gone):
                broker.lrem(SCANS_QUEUE, 0, message)
                neighbours |= named - gone
        for tag, taken in broker.hscan_iter(_IN_HAND):
            if named := _named_by(json.loads(taken)[0], gone):
                broker.hdel(_IN_HAND, tag)
                broker.zrem(_IN_HAND_INDEX, tag)
                neighbours |= named - gone
    except redis.RedisError as error:
        _log.warning("messages_not_withdrawn", error=type(error).__name__)
    if neighbours:
        with transaction(engine) as session:
            sweeps.forget_dispatch_of(session, [UUID(scan_id) for scan_id in sorted(neighbours)])


def _waiting(broker: redis.Redis) -> list[str]:
    """From the end at which messages come in: new ones shift others into the next page, not past it."""
    waiting: list[str] = []
    while page := broker.lrange(SCANS_QUEUE, len(waiting), len(waiting) + _AT_ONCE - 1):
        waiting += cast(list[str], page)
    return waiting


def _named_by(message: dict[str, Any], gone: set[str]) -> set[str]:
    """All scans that a message names, if one of them is gone; nothing of what is no message of ours."""
    if message.get("headers", {}).get("task") != PROCESS_SCANS:
        return set()
    _, payload, _ = json.loads(base64.b64decode(message["body"]))
    named = set(payload["scan_ids"])
    return named if named & gone else set()
