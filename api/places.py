"""How much of something is under way in this process: so much in all, and so much for each project.

What waits for slow clients takes threads, and what is costly takes memory and the processor: some of both is left for
everything else, and one project's clients leave some for another's.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from api.callers import Caller
from shared.errors import Busy, TooManyRequests
from shared.settings import Settings

_RETRY_AFTER_S = 1


class Places:
    """Places for something that many may ask for: as many as `limit` says, a project's share of them at most for it.

    The share is what `share_limit` says, or half. `under_way` names what has a place: "reports are being made".
    """

    def __init__(
        self, settings: Settings, limit: str, *, code: str, under_way: str, share_limit: str | None = None
    ) -> None:
        self._settings = settings
        self._limit, self._share_limit = limit, share_limit or limit
        self._code, self._under_way = code, under_way
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def _most(self) -> int:
        return int(getattr(self._settings, self._limit))

    @property
    def _share(self) -> int:
        stated = int(getattr(self._settings, self._share_limit))
        return stated if self._share_limit != self._limit else max(1, stated // 2)

    def take(self, caller: Caller) -> None:
        """Take a place, to be given back; Busy where none is left, TooManyRequests where the project has its share.

        A service without keys has one project, and nobody to keep a place for.
        """
        with self._lock:
            if self._taken.total() >= self._most:
                raise Busy(
                    f"{self._limit} = {self._most} {self._under_way} already.",
                    code=self._code,
                    limit=self._limit,
                    value=self._most,
                )
            if caller.key_id is not None and self._taken[caller.project] >= self._share:
                raise TooManyRequests(
                    f"{self._share} {self._under_way} already of this project, which is its share.",
                    code=self._code,
                    limit=self._share_limit,
                    value=getattr(self._settings, self._share_limit),
                    retry_after_s=_RETRY_AFTER_S,
                )
            self._taken[caller.project] += 1

    def give_back(self, caller: Caller) -> None:
        """Give back a place that was taken."""
        with self._lock:
            self._taken[caller.project] -= 1

    @contextmanager
    def hold(self, caller: Caller) -> Iterator[None]:
        """Hold a place, as `take` gives it."""
        self.take(caller)
        try:
            yield
        finally:
            self.give_back(caller)
