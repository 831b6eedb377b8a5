"""A study, as the API answers it: its slices in order, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from api import examples
from api.schemas.batches import Counts
from api.schemas.document import Document
from api.schemas.scans import ScanDocument, scan_document
from api.studies import SliceCounts, slice_counts
from shared.db.models import Prediction, Scan, Study
from shared.domain import StudyKind, TumorClass

_MOST_SUSPICIOUS = 10


class Labels(Document):
    """Number of a study's succeeded slices with each label."""

    glioma: int
    meningioma: int
    pituitary: int
    notumor: int


class StudyHead(Document):
    """A study without its slices."""

    id: UUID
    batch_id: UUID
    kind: StudyKind
    filename: str = Field(description="Of the file that its first slice is in.")
    study_uid: str | None = Field(description="Study Instance UID of the files, for reference; null for NIfTI.")
    series_uid: str | None = Field(description="Series Instance UID.")
    frame_of_reference_uid: str | None
    created_at: datetime
    total: int
    counts: Counts
    labels: Labels


class SuspiciousSlice(Document):
    """One slice among those with the highest probability of a tumour."""

    scan_id: UUID
    slice_index: int
    tumour_probability: float = Field(description="1 less the probability of `notumor`.")
    label: TumorClass
    confidence: float
    needs_review: bool


class StudySummary(Document):
    """What a study's succeeded slices come to. Each was classified by itself: this is no diagnosis of the whole."""

    leading_label: TumorClass | None = Field(
        description="The tumour that most slices were labelled with, of equal ones the likelier; null if none was."
    )
    needs_review: int = Field(description="Number of slices that somebody should look at.")
    suspicious: list[SuspiciousSlice] = Field(
        description=f"Up to {_MOST_SUSPICIOUS} slices, those with the highest probability of a tumour first."
    )


class StudyDocument(StudyHead):
    """A study with its slices in order."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.STUDY]})

    summary: StudySummary
    slices: list[ScanDocument]


class StudyList(Document):
    """A page of studies; `next` is the cursor of the following page, null on the last."""

    items: list[StudyHead]
    next: str | None


def study_head(study: Study, counts: SliceCounts) -> StudyHead:
    """The answer for one study in a list."""
    return StudyHead(**_head(study, counts))


def study_document(study: Study, slices: Sequence[Scan]) -> StudyDocument:
    """The answer for one study and its slices, these loaded with predictions and attempts."""
    return StudyDocument(
        **_head(study, slice_counts(slices)),
        summary=_summary(slices),
        slices=[scan_document(scan) for scan in slices],
    )


def _head(study: Study, counts: SliceCounts) -> dict[str, Any]:
    return {
        "id": study.id,
        "batch_id": study.batch_id,
        "kind": study.kind,
        "filename": study.filename,
        "study_uid": study.study_uid,
        "series_uid": study.series_uid,
        "frame_of_reference_uid": study.frame_of_reference_uid,
        "created_at": study.created_at,
        "total": sum(counts.states.values()),
        "counts": Counts(**{str(state): count for state, count in counts.states.items()}),
        "labels": Labels(**{str(label): count for label, count in counts.labels.items()}),
    }


def _summary(slices: Sequence[Scan]) -> StudySummary:
    suspicious = [
        SuspiciousSlice(
            scan_id=scan.id,
            slice_index=scan.slice_index or 0,
            tumour_probability=1 - found.probabilities[TumorClass.NOTUMOR],
            label=found.label,
            confidence=found.confidence,
            needs_review=found.needs_review,
        )
        for scan in slices
        if (found := scan.prediction) is not None
    ]
    suspicious.sort(key=lambda found: (-found.tumour_probability, found.slice_index))
    return StudySummary(
        leading_label=_leading_label([scan.prediction for scan in slices if scan.prediction is not None]),
        needs_review=sum(found.needs_review for found in suspicious),
        suspicious=suspicious[:_MOST_SUSPICIOUS],
    )


def _leading_label(found: Sequence[Prediction]) -> TumorClass | None:
    weights = {
        label: (sum(p.label is label for p in found), sum(p.probabilities[label] for p in found))
        for label in TumorClass
        if label is not TumorClass.NOTUMOR and any(p.label is label for p in found)
    }
    return max(weights, key=lambda label: weights[label], default=None)
