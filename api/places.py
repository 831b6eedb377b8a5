"""How many of something each project has under way in this process, so that one cannot take all threads."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from api.callers import Caller
from shared.errors import TooManyRequests

_RETRY_AFTER_S = 1


class UploadPlaces:
    """Places for the submissions that are being received: so many for each project."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, caller: Caller) -> Iterator[None]:
        """Hold one of the places of the caller's project; TooManyRequests where all are taken.

        A service without keys has one project, and nobody to keep a place for.
        """
        project = caller.project
        if caller.key_id is None:
            yield
            return
        with self._lock:
            if self._taken[project] >= self._most:
                raise TooManyRequests(
                    f"max_uploads_per_project = {self._most} submissions of this project are being received already.",
                    code="too_many_uploads",
                    limit="max_uploads_per_project",
                    value=self._most,
                    retry_after_s=_RETRY_AFTER_S,
                )
            self._taken[project] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[project] -= 1
