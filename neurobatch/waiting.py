"""How often to look at a batch that is waited for: a look costs the service what a scan's result costs it.

So a long batch is looked at rarely, and often only as its end comes near.
"""

from __future__ import annotations

from neurobatch.documents import Batch

_LEAST_S = 0.05


def pause_s(batch: Batch, *, waited_s: float) -> float:
    """Until the next look, in seconds: a quarter of what the batch will still take at its pace of `waited_s` seconds.

    Of the wait itself where nothing is done; 0.05 at least.
    """
    left = batch["counts"]["queued"] + batch["counts"]["running"]
    done = batch["total"] - left
    left_s = waited_s * left / done if done else waited_s
    return max(_LEAST_S, left_s / 4)
