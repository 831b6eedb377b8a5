"""The use cases around a study: look one up with its slices, list those of a batch."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.callers import Caller
from api.scan_queries import WITH_RESULT
from api.services import Services
from shared.db.models import Batch, Prediction, Scan, Study
from shared.db.session import reading
from shared.domain import ScanState, TumorClass
from shared.errors import NotFound


@dataclass(frozen=True)
class SliceCounts:
    """Number of a study's slices in each state, and of the succeeded ones with each label."""

    states: dict[ScanState, int]
    labels: dict[TumorClass, int]


def find_study(services: Services, caller: Caller, study_id: UUID) -> Study:
    """One study of the caller's project, without its slices; else NotFound."""
    with reading(services.engine) as session:
        study = session.get(Study, study_id)
    if study is None or study.project != caller.project:
        raise NotFound("There is no such study.")
    return study


def slices_of(services: Services, study: Study) -> list[Scan]:
    """A study's slices in order, with results and attempts: megabytes of rows, so whoever asks holds a place first."""
    slices = select(Scan).where(Scan.study_id == study.id).order_by(Scan.slice_index).options(*WITH_RESULT)
    with reading(services.engine) as session:
        return list(session.scalars(slices))


def list_studies(
    services: Services, caller: Caller, batch_id: UUID, *, after: UUID | None, limit: int
) -> list[tuple[Study, SliceCounts]]:
    """Up to `limit` studies of a batch in the order of their submission, beyond the id `after`."""
    query = select(Study).where(Study.batch_id == batch_id).order_by(Study.id).limit(limit)
    if after is not None:
        query = query.where(Study.id > after)
    with reading(services.engine) as session:
        batch = session.get(Batch, batch_id)
        if batch is None or batch.project != caller.project:
            raise NotFound("There is no such batch.")
        studies = session.scalars(query).all()
        counted = _counts(session, [study.id for study in studies])
    return [(study, counted[study.id]) for study in studies]


def slice_counts(slices: Sequence[Scan]) -> SliceCounts:
    """The counts of slices that are loaded with their predictions."""
    counts = _nothing()
    for scan in slices:
        counts.states[scan.state] += 1
        if scan.prediction is not None:
            counts.labels[scan.prediction.label] += 1
    return counts


def _counts(session: Session, study_ids: Collection[UUID]) -> dict[UUID, SliceCounts]:
    rows = session.execute(
        select(Scan.study_id, Scan.state, Prediction.label, func.count())
        .outerjoin(Scan.prediction)
        .where(Scan.study_id.in_(study_ids))
        .group_by(Scan.study_id, Scan.state, Prediction.label)
    )
    found = {study_id: _nothing() for study_id in study_ids}
    for study_id, state, label, count in rows:
        assert study_id is not None, "only slices were asked for"
        found[study_id].states[state] += count
        if label is not None:
            found[study_id].labels[label] += count
    return found


def _nothing() -> SliceCounts:
    return SliceCounts(dict.fromkeys(ScanState, 0), dict.fromkeys(TumorClass, 0))
