"""How many requests a key, or sign-ins an address, may make: a token bucket each, in this process (docs/adr/0009)."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

_MOST_BUCKETS = 10_000


@dataclass(frozen=True)
class Share:
    """What is left of a key's bucket after one request; `granted` tells whether there was enough for it."""

    granted: bool
    tokens: float
    per_s: float
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
    """A bucket for each name, a key's or an address: it holds `burst` tokens and gains `per_s` each second."""

    def __init__(self, *, per_s: float, burst: int, now_s: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._burst, self._now_s = per_s, burst, now_s
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, name: str) -> Share:
        """Take one token, if there is one."""
        now_s = self._now_s()
        with self._lock:
            tokens, since_s = self._buckets.get(name, (float(self._burst), now_s))
            tokens = min(float(self._burst), tokens + (now_s - since_s) * self._per_s)
            granted = tokens >= 1
            tokens -= granted
            self._buckets[name] = (tokens, now_s)
            if len(self._buckets) > _MOST_BUCKETS:
                self._forget_full(now_s)
        return Share(granted=granted, tokens=tokens, per_s=self._per_s, burst=self._burst)

    def _forget_full(self, now_s: float) -> None:
        """Drop what is as good as new; where strangers filled the memory, everything."""
        full_after_s = self._burst / self._per_s
        self._buckets = {name: kept for name, kept in self._buckets.items() if now_s - kept[1] < full_after_s}
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.clear()
