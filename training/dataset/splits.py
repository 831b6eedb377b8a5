"""Two ways to leave slices out that are not the folds: one stricter, one that cheats on purpose.

A source that was never trained on stands for a scanner that was never seen. Images parted at random stand for what
is usually published: a patient's neighbouring slices on both sides, so that the score measures memory as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from sklearn.model_selection import train_test_split

from training.dataset.slices import Slice


def of_source(slices: Sequence[Slice], source: str) -> list[Slice]:
    """Those of `source`, of all folds; none where there is no such source."""
    return [item for item in slices if item.source == source]


def at_random(slices: Sequence[Slice], *, seed: int, share: float = 0.2) -> list[Slice]:
    """A `share` drawn image by image, stratified by label, whoever the patient is.

    Only ever to show by how much a score on them flatters.
    """
    labels = [item.label.value for item in slices]
    _, drawn = train_test_split(list(slices), test_size=share, random_state=seed, stratify=labels)
    return list(drawn)
