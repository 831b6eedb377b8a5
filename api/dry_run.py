"""What would become of a submission: a verdict for each scan, and nothing kept.

Files are opened and decoded as a worker would, but whether the picture shows a head is only known to a worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Literal
from uuid import UUID

from sqlalchemy import select

from api.callers import Caller
from api.intake import Candidate
from api.schemas.submissions import DryRunDocument, VerdictDocument
from api.services import Services
from api.staging import Staging, in_progress
from api.submissions import look_through
from api.uploads import receive
from shared.db.base import new_id
from shared.db.models import Scan
from shared.db.session import reading
from shared.decoder import Decoder
from shared.errors import InvalidScan

_HASHES_PER_QUERY = 500


def judge_batch(services: Services, caller: Caller, *, body: IO[bytes], boundary: bytes) -> DryRunDocument:
    """Judge every scan of a submission; what refuses the whole of it is raised as for a real one."""
    settings = services.settings
    staging_id = new_id()
    with in_progress(settings.data_dir, staging_id), Staging(settings.data_dir, name=str(staging_id)) as staging:
        upload = receive(body, boundary=boundary, staging=staging, settings=settings)
        candidates = look_through(services, caller, upload, staging=staging).candidates
        stored = _stored_already(services, caller, [c.file.sha256 for c in candidates if not c.fault])
        # A decoder of its own: those who look at pictures meanwhile do not wait for it.
        with Decoder(settings) as decoder:
            verdicts = [_verdict(candidate, stored=stored, decoder=decoder) for candidate in candidates]
    return DryRunDocument(files=verdicts)


def _verdict(candidate: Candidate, *, stored: dict[str, UUID], decoder: Decoder) -> VerdictDocument:
    code, message = None, None
    if candidate.fault is not None:
        code, message = candidate.fault.code, candidate.fault.message
    else:
        try:
            decoder.read(candidate.file.path, frame=candidate.frame)
        except InvalidScan as error:
            code, message = error.code, error.message
    duplicate_of = None if code else stored.get(candidate.file.sha256)
    verdict: Literal["accepted", "rejected", "duplicate"] = (
        "rejected" if code else "duplicate" if duplicate_of else "accepted"
    )
    return VerdictDocument(
        filename=candidate.filename,
        frame=candidate.frame,
        verdict=verdict,
        code=code,
        message=message,
        duplicate_of=duplicate_of,
    )


def _stored_already(services: Services, caller: Caller, hashes: Sequence[str]) -> dict[str, UUID]:
    """By hash, the oldest scan of the same bytes that the caller's project has stored."""
    found: dict[str, UUID] = {}
    wanted = sorted(set(hashes))
    with reading(services.engine) as session:
        for start in range(0, len(wanted), _HASHES_PER_QUERY):
            some = wanted[start : start + _HASHES_PER_QUERY]
            rows = session.execute(
                select(Scan.sha256, Scan.id)
                .where(Scan.sha256.in_(some), Scan.project == caller.project, Scan.upload_key.is_not(None))
                .order_by(Scan.id.desc())
            )
            found |= dict(rows.all())
    return found
