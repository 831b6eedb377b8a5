"""Looks at what a broker holds, without Celery."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from contextlib import closing
from typing import Any

from shared import presence
from shared.settings import Settings

_ID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PACKED = re.compile(rb'"body": ?"([A-Za-z0-9+/=]+)"|\\"body\\": ?\\"([A-Za-z0-9+/=]+)\\"')


def everything_in(settings: Settings) -> set[str]:
    """Every id that stands anywhere in the broker, in the open or within a message's packed body."""
    texts: list[bytes] = []
    with closing(presence.connect(settings)) as broker:
        for key in broker.scan_iter():
            read: dict[Any, Callable[[Any], list[Any]]] = {
                b"list": lambda key: broker.lrange(key, 0, -1),
                b"hash": lambda key: list(broker.hgetall(key).values()),
            }
            texts += read.get(broker.type(key), lambda _: [])(key)
    bodies = [base64.b64decode(a or b) for text in texts for a, b in _PACKED.findall(text)]
    return {found.decode() for text in texts + bodies for found in _ID.findall(text)}
