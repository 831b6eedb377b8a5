"""The use cases of a reader who looks at results: correct or confirm a label, and take that back.

What was said is only added to, in rows numbered by scan; the prediction stays what the model said. Notes are a person's
words and may hold patient data: neither the log nor the audit trail gets them.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.callers import Caller
from api.services import Services
from shared.audit import Action, append_entry
from shared.db.models import Correction, Prediction, Scan
from shared.db.session import transaction
from shared.domain import TumorClass
from shared.errors import Conflict, FieldTooLong, InvalidRequest, LimitExceeded, NotFound
from shared.settings import Settings


def correct_scan(services: Services, caller: Caller, scan_id: UUID, *, label: TumorClass, note: str | None) -> None:
    """Put a reader's label and note beside the prediction; the same again from the same one changes nothing.

    NotFound for an unknown scan, Conflict (`no_result`) where it did not succeed, InvalidRequest or FieldTooLong for a
    note that cannot be kept as it is, LimitExceeded where as many are kept as may be.
    """
    note = _note(note, settings=services.settings)
    with transaction(services.engine) as session:
        scan = _locked(session, caller, scan_id)
        if session.get(Prediction, scan_id) is None:
            raise Conflict(f"The scan is {scan.state}; there is no result to correct.", code="no_result")
        newest = _newest(session, scan_id)
        if newest is not None and (newest.label, newest.note, newest.actor) == (label, note, caller.actor):
            return
        _append(session, services, caller, scan_id, newest=newest, label=label, note=note)


def withdraw_correction(services: Services, caller: Caller, scan_id: UUID) -> None:
    """Take back what a reader said, if anything stands; NotFound for an unknown scan."""
    with transaction(services.engine) as session:
        _locked(session, caller, scan_id)
        newest = _newest(session, scan_id)
        if newest is not None and newest.label is not None:
            _append(session, services, caller, scan_id, newest=newest, label=None, note=None)


def _note(text: str | None, *, settings: Settings) -> str | None:
    if text is None or not text.strip():
        return None
    most = settings.max_note_chars
    if len(text) > most:
        raise FieldTooLong(f"The note is longer than {most} characters.", limit="max_note_chars", value=most)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest("The note holds half a surrogate pair.", code="invalid_note") from error
    if "\x00" in text:
        raise InvalidRequest("The note holds a NUL character.", code="invalid_note")
    return text


def _locked(session: Session, caller: Caller, scan_id: UUID) -> Scan:
    scan = session.get(Scan, scan_id, with_for_update=True)
    if scan is None or scan.project != caller.project:
        raise NotFound("There is no such scan.")
    return scan


def _newest(session: Session, scan_id: UUID) -> Correction | None:
    mine = select(Correction).where(Correction.scan_id == scan_id)
    return session.scalar(mine.order_by(Correction.number.desc()).limit(1))


def _append(
    session: Session,
    services: Services,
    caller: Caller,
    scan_id: UUID,
    *,
    newest: Correction | None,
    label: TumorClass | None,
    note: str | None,
) -> None:
    now = services.clock()
    number = 1 if newest is None else newest.number + 1
    most = services.settings.max_corrections_per_scan
    if number > most and label is not None:  # what stands can always be taken back
        raise LimitExceeded(
            f"{most} corrections of this scan are kept, those taken back among them, and no more.",
            limit="max_corrections_per_scan",
            value=most,
        )
    session.add(Correction(scan_id=scan_id, number=number, label=label, note=note, actor=caller.actor, created_at=now))
    append_entry(
        session,
        Action.SCAN_CORRECTION_WITHDRAWN if label is None else Action.SCAN_CORRECTED,
        actor=caller.actor,
        project=caller.project,
        subject=scan_id,
        request_id=caller.request_id,
        now=now,
    )
