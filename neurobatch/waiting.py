"""How often to look at a batch that is waited for: a look costs the service what a scan's result costs it.

So a long batch is looked at rarely, and often only as its end comes near.
"""

from __future__ import annotations

from neurobatch.documents import Batch

_LEAST_S = 0.05
# Sooner than that nobody sees an end, and what was seen to go on tells of no pace yet.
_LEAST_S_A_SCAN = 0.0005


class Pace:
    """How fast one batch was seen to go on since it was waited for."""

    def __init__(self) -> None:
        self._done_before: int | None = None
        self._done = 0
        self._changed_s = 0.0

    def pause_s(self, batch: Batch, *, waited_s: float) -> float:
        """Until the next look, in seconds, after a look at `batch` that has been waited for `waited_s`; 0.05 at least.

        A quarter of the time that it would still take at its pace, or since it was last seen to go on if that is more;
        and no less than half a millisecond for each scan that is left.
        """
        left = batch["counts"]["queued"] + batch["counts"]["running"]
        done = batch["total"] - left
        if self._done_before is None:
            self._done_before = self._done = done
        if done != self._done:
            self._done, self._changed_s = done, waited_s
        seen = done - self._done_before
        left_s = waited_s * left / seen if seen > 0 else waited_s
        return max(_LEAST_S, left * _LEAST_S_A_SCAN, left_s / 4, (waited_s - self._changed_s) / 4)
