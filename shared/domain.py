"""What the service is about, in plain Python: labels and states.

Both sides of the queue, the trainer and the client read these words from here, so that a state or a label can
be spelled in one way only. Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class TumorClass(StrEnum):
    """The four labels, in the order of the network's outputs."""

    GLIOMA = "glioma"
    MENINGIOMA = "meningioma"
    PITUITARY = "pituitary"
    NOTUMOR = "notumor"


# A label's place here is its number in tables, targets and logits.
CLASSES: tuple[TumorClass, ...] = tuple(TumorClass)
HEALTHY = CLASSES.index(TumorClass.NOTUMOR)


class ScanState(StrEnum):
    """Where one scan stands.

    *rejected* is the input's fault (no image, no brain MRI) and *failed* is ours.
    """

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StudyKind(StrEnum):
    """What a study's slices came as."""

    DICOM = "dicom"
    NIFTI = "nifti"


class ScanWarning(StrEnum):
    """What was noticed of a scan on arrival that does not keep it from being read."""

    BURNT_IN_ANNOTATION = "burnt_in_annotation"
    SECONDARY_CAPTURE = "secondary_capture"


class BatchState(StrEnum):
    """Where a batch stands; always derived from its scans, see `batch_state`."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    COMPLETED_WITH_ERRORS = "completed_with_errors"
    FAILED = "failed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


class WebhookEvent(StrEnum):
    """What webhooks tell of."""

    BATCH_COMPLETED = "batch.completed"
    PING = "ping"


class DeliveryState(StrEnum):
    """Where the delivery of one event to one webhook stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


UNFINISHED = frozenset({ScanState.QUEUED, ScanState.RUNNING})
TERMINAL = frozenset(ScanState) - UNFINISHED


def batch_state(counts: Mapping[ScanState, int], *, cancel_requested: bool = False) -> BatchState:
    """Derive a batch's state from the number of its scans in each state.

    >>> batch_state({ScanState.SUCCEEDED: 39, ScanState.REJECTED: 1})
    <BatchState.COMPLETED_WITH_ERRORS: 'completed_with_errors'>
    """
    present = {state for state, count in counts.items() if count}
    if present & UNFINISHED:
        if cancel_requested:
            return BatchState.CANCELLING
        # Some files are rejected on arrival, before anything runs.
        untouched = present <= {ScanState.QUEUED, ScanState.REJECTED}
        return BatchState.QUEUED if untouched else BatchState.RUNNING
    if cancel_requested and ScanState.CANCELLED in present:
        return BatchState.CANCELLED
    if present == {ScanState.SUCCEEDED}:
        return BatchState.COMPLETED
    return BatchState.COMPLETED_WITH_ERRORS if ScanState.SUCCEEDED in present else BatchState.FAILED
