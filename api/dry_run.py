"""What would become of a submission: a verdict for each scan, and nothing kept.

Files are opened and decoded as a worker would, but whether the picture shows a head is only known to a worker. A dry
run leaves nothing that a quota could count, so the time that it may take has a bound of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import IO, Literal
from uuid import UUID

from sqlalchemy import func, select

from api.callers import Caller
from api.intake import Candidate
from api.schemas.submissions import DryRunDocument, VerdictDocument
from api.services import Services
from api.staging import Fault, Staging, in_progress
from api.submissions import look_through
from api.uploads import receive
from shared.db.base import new_id
from shared.db.models import Scan
from shared.db.session import reading
from shared.decoder import Decoder
from shared.errors import InvalidScan
from shared.settings import Settings

_HASHES_PER_QUERY = 500
_NOT_JUDGED = "dry_run_limit"


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
            faults = _faults(candidates, decoder=decoder, settings=settings)
            verdicts = [_verdict(*judged, stored=stored) for judged in zip(candidates, faults, strict=True)]
    return DryRunDocument(files=verdicts)


def _faults(candidates: Sequence[Candidate], *, decoder: Decoder, settings: Settings) -> Iterator[Fault | None]:
    """Of each scan why it would be rejected; once its time has run out a dry run decodes no more."""
    limit = settings.max_dry_run_s
    out_of_time = Fault(_NOT_JUDGED, f"Decoding those before it took max_dry_run_s = {limit} s.")
    decoded_s = 0.0
    for candidate in candidates:
        if candidate.fault is not None:
            yield candidate.fault
        elif decoded_s >= limit:
            yield out_of_time
        else:
            started = time.monotonic()
            yield _fault_of_picture(candidate, decoder=decoder)
            decoded_s += time.monotonic() - started


def _fault_of_picture(candidate: Candidate, *, decoder: Decoder) -> Fault | None:
    try:
        decoder.read(candidate.file.path, frame=candidate.frame)
    except InvalidScan as error:
        return Fault(error.code, error.message)
    return None


def _verdict(candidate: Candidate, fault: Fault | None, *, stored: dict[str, UUID]) -> VerdictDocument:
    duplicate_of = None if fault else stored.get(candidate.file.sha256)
    verdict: Literal["accepted", "rejected", "duplicate", "not_judged"] = "duplicate" if duplicate_of else "accepted"
    if fault is not None:
        verdict = "not_judged" if fault.code == _NOT_JUDGED else "rejected"
    return VerdictDocument(
        filename=candidate.filename,
        frame=candidate.frame,
        verdict=verdict,
        code=fault.code if fault else None,
        message=fault.message if fault else None,
        duplicate_of=duplicate_of,
    )


def _stored_already(services: Services, caller: Caller, hashes: Sequence[str]) -> dict[str, UUID]:
    """By hash, the oldest scan of the same bytes that the caller's project has stored."""
    found: dict[str, UUID] = {}
    wanted = sorted(set(hashes))
    with reading(services.engine) as session:
        for start in range(0, len(wanted), _HASHES_PER_QUERY):
            some = wanted[start : start + _HASHES_PER_QUERY]
            age = func.row_number().over(partition_by=Scan.sha256, order_by=Scan.id).label("age")
            same = (
                select(Scan.sha256, Scan.id, age)
                # Found by hash: as an expression the project has no index to be found by, which SQLite would take.
                .where(Scan.sha256.in_(some), Scan.project + "" == caller.project, Scan.upload_key.is_not(None))
                .subquery()
            )
            # One row a hash: the same bytes may have been stored a million times.
            rows = session.execute(select(same.c.sha256, same.c.id).where(same.c.age == 1))
            found |= dict(rows.all())
    return found
