"""What a received body would become: the same for a submission and for a dry run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.batch_fields import batch_fields
from api.callers import Caller
from api.intake import Candidate, look_at
from api.quotas import check_quotas
from api.services import Services
from api.staging import Staging
from api.uploads import Upload
from shared.db.session import reading
from shared.errors import InvalidRequest

# About what a scan takes beside its file, whatever becomes of it: its row, its steps, its result.
_ROWS_BYTES = 1024


@dataclass(frozen=True)
class Submission:
    """A batch about to be stored; `size_bytes` are those that count against its project's quota."""

    name: str | None
    details: dict[str, Any]
    candidates: Sequence[Candidate]
    size_bytes: int


def look_through(services: Services, caller: Caller, upload: Upload, *, staging: Staging) -> Submission:
    """The scans of a body; raises InvalidRequest, LimitExceeded or TooManyRequests for what refuses all of it."""
    settings = services.settings
    name, details = batch_fields(upload.fields, settings=settings)
    if not upload.files:
        raise InvalidRequest("The batch holds no file; send at least one in the form field 'files'.", code="no_files")
    candidates = look_at(upload.files, staging=staging, settings=settings)
    size_bytes = _kept_bytes(candidates) + _described_bytes(candidates, upload.fields)
    queued = sum(not candidate.fault for candidate in candidates)
    with reading(services.engine) as session:
        check_quotas(session, settings, project=caller.project, scans=queued, size_bytes=size_bytes)
    return Submission(name, details, candidates, size_bytes)


def _kept_bytes(candidates: Sequence[Candidate]) -> int:
    """Bytes on disk: a file of several images counts once."""
    kept = {candidate.file.place: candidate.file.size_bytes for candidate in candidates if not candidate.fault}
    return sum(kept.values())


def _described_bytes(candidates: Sequence[Candidate], fields: Mapping[str, str]) -> int:
    """Bytes in the database: rejected scans are kept there too, and without a price there would be no end to them."""
    texts = [*(candidate.filename for candidate in candidates), *fields.values()]
    return _ROWS_BYTES * len(candidates) + sum(len(text.encode("utf-8", "replace")) for text in texts)
