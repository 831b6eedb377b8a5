"""Ends a chunk in a thread, its files to the disk and its rows committed, while the next chunk is worked on.

Both wait for the disk, and a core that waits classifies nothing. At most one chunk is being ended at a time, so that a
process holds the claims of two at most.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

Ending = Callable[[], None]


class Finisher:
    """One thread that ends one chunk after the other."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="finisher")
        self._last: Future[None] | None = None

    def finish(self, ending: Ending) -> None:
        """Have `ending` run, with what is bound to log lines now, once the one before is done; waits for that one."""
        self.wait()
        self._last = self._thread.submit(contextvars.copy_context().run, ending)

    def wait(self) -> None:
        """Return once nothing is left to end."""
        if self._last is not None:
            wait([self._last])
