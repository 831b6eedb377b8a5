"""Which workers are alive and what model they hold, as short-lived keys in the broker.

A hint for people and `/readyz`, nothing more: no decision about a scan rests on it.
"""

from __future__ import annotations

import json
from typing import TypedDict

import redis

from shared.settings import Settings

_PREFIX = "neurobatch:worker:"
TTL_S = 30


class WorkerPresence(TypedDict):
    """One living worker process."""

    name: str
    model: str


def connect(settings: Settings) -> redis.Redis:
    """A client of the broker that gives up quickly."""
    if settings.redis_url and not settings.redis_url.startswith("redis+socket"):
        return redis.Redis.from_url(settings.redis_url, socket_connect_timeout=1, socket_timeout=1)
    url = settings.broker_url.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")
    return redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1)


def announce(client: redis.Redis, presence: WorkerPresence) -> None:
    """Say that a worker lives, for `TTL_S` seconds."""
    client.set(_PREFIX + presence["name"], json.dumps(presence), ex=TTL_S)


def living_workers(client: redis.Redis) -> list[WorkerPresence]:
    """Every worker heard of within `TTL_S`; redis.RedisError if the broker does not answer."""
    keys = list(client.scan_iter(match=_PREFIX + "*"))
    values = client.mget(keys) if keys else []
    return [json.loads(value) for value in values if value is not None]
