"""What a batch's filters would find, as numbers: counted from its rows at each look, like its state."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.callers import Caller
from api.scan_filters import is_standing
from api.services import Services
from shared.db.models import Batch, Correction, Prediction, Scan
from shared.db.session import reading
from shared.domain import ScanState, TumorClass
from shared.errors import NotFound


@dataclass(frozen=True)
class Summary:
    """Numbers of scans of one batch; `rejected` by the code of their rejection."""

    labels: dict[TumorClass, int]
    needs_review: int
    corrected: int
    rejected: dict[str, int]


def summarise_batch(services: Services, caller: Caller, batch_id: UUID) -> Summary:
    """The numbers of a batch of the caller's project; NotFound if there is none."""
    with reading(services.engine) as session:
        batch = session.get(Batch, batch_id)
        if batch is None or batch.project != caller.project:
            raise NotFound("There is no such batch.")
        labels, needs_review = _results(session, batch_id)
        return Summary(labels, needs_review, _corrected(session, batch_id), _rejected(session, batch_id))


def _results(session: Session, batch_id: UUID) -> tuple[dict[TumorClass, int], int]:
    labels: Counter[TumorClass] = Counter()
    doubtful = 0
    found = session.execute(
        select(Prediction.label, Prediction.needs_review, func.count())
        .where(Prediction.batch_id == batch_id)
        .group_by(Prediction.label, Prediction.needs_review)
    )
    for label, needs_review, scans in found:
        labels[label] += scans
        doubtful += scans if needs_review else 0
    return {label: labels[label] for label in TumorClass}, doubtful


def _corrected(session: Session, batch_id: UUID) -> int:
    standing = (
        select(func.count())
        .select_from(Correction)
        .join(Prediction, Prediction.scan_id == Correction.scan_id)
        .where(Prediction.batch_id == batch_id, is_standing())
    )
    return session.scalar(standing) or 0


def _rejected(session: Session, batch_id: UUID) -> dict[str, int]:
    found = session.execute(
        select(Scan.code, func.count())
        .where(Scan.batch_id == batch_id, Scan.state == ScanState.REJECTED)
        .group_by(Scan.code)
        .order_by(Scan.code)
    )
    return {code: scans for code, scans in found if code is not None}
