"""How many requests a key may make: a token bucket for each, in the memory of this process (docs/adr/0009)."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """What is left of a key's bucket after one request; `granted` tells whether there was enough for it."""

    granted: bool
    tokens: float
    per_s: int
    burst: int

    @property
    def retry_after_s(self) -> int:
        """Whole seconds after which one request is granted."""
        return max(1, math.ceil((1 - self.tokens) / self.per_s))

    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers-10 tells it: quota and window, what remains and when it is full."""
        full_in_s = math.ceil((self.burst - self.tokens) / self.per_s)
        return {
            "RateLimit-Policy": f'"requests";q={self.burst};w={math.ceil(self.burst / self.per_s)}',
            "RateLimit": f'"requests";r={math.floor(self.tokens)};t={full_in_s}',
        }


class TokenBuckets:
    """A bucket for each key: it holds `burst` tokens and gains `per_s` each second."""

    def __init__(self, *, per_s: int, burst: int, now_s: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._burst, self._now_s = per_s, burst, now_s
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, key_id: str) -> Share:
        """Take one token, if there is one."""
        now_s = self._now_s()
        with self._lock:
            tokens, since_s = self._buckets.get(key_id, (float(self._burst), now_s))
            tokens = min(float(self._burst), tokens + (now_s - since_s) * self._per_s)
            granted = tokens >= 1
            tokens -= granted
            self._buckets[key_id] = (tokens, now_s)
        return Share(granted=granted, tokens=tokens, per_s=self._per_s, burst=self._burst)
