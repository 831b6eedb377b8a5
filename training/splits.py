"""Two ways to part the slices that are not the folds: one stricter, one that cheats on purpose.

A source that was never trained on stands for a scanner that was never seen. Images parted at random stand for what
is usually published: a patient's neighbouring slices on both sides, so that the score measures memory as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from sklearn.model_selection import train_test_split

from training.data import Slice

Split = tuple[list[Slice], list[Slice]]


def leave_source_out(slices: Sequence[Slice], source: str) -> Split:
    """Training slices of every other source, and the test slices of `source`; of all folds that `slices` holds.

    Raises ValueError where that leaves nothing to train on or to test.
    """
    train = [item for item in slices if item.source != source]
    test = [item for item in slices if item.source == source]
    if not train or not test:
        raise ValueError(f"source {source!r} leaves {len(train)} slices to train on and {len(test)} to test")
    return train, test


def record_wise(slices: Sequence[Slice], *, seed: int, test_share: float = 0.2) -> Split:
    """Training and test slices drawn image by image, stratified by label, whoever the patient is.

    Only ever to show by how much such a score flatters.
    """
    labels = [item.label.value for item in slices]
    train, test = train_test_split(list(slices), test_size=test_share, random_state=seed, stratify=labels)
    return train, test
