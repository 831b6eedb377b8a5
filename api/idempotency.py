"""The same submission sent twice is one batch (the Idempotency-Key header).

A key is tied to its batch in the transaction that stores the batch, so no crash can leave one without the
other. That the same key is still being received is known to one process alone (`api.keys_in_progress`);
between processes the primary key decides.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from itertools import chain
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.orm import Session

from api.services import Services
from api.uploads import Upload
from shared.db.models import IdempotencyKey
from shared.db.session import transaction
from shared.errors import InvalidRequest

_KEPT_FOR = timedelta(hours=24)


def fingerprint(upload: Upload) -> str:
    """SHA-256 over what was submitted: fields, and name and hash of each file; multipart boundaries do not count."""
    digest = hashlib.sha256()
    fields = (f"{name}={value}" for name, value in sorted(upload.fields.items()))
    files = (f"{file.filename}{file.cut_name_sha256}:{file.sha256}" for file in upload.files)
    for part in chain(fields, files):
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()


def is_known(session: Session, key: str, *, project: str) -> bool:
    """Whether this key of the project stands for a batch, of whatever content."""
    return session.get(IdempotencyKey, (project, key)) is not None


def known_batch(services: Services, key: str, *, project: str, content: str) -> UUID | None:
    """The batch that this key of the project already stands for; InvalidRequest if it came of other content."""
    with transaction(services.engine) as session:
        session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < services.clock() - _KEPT_FOR))
        known = session.get(IdempotencyKey, (project, key))
    if known is None:
        return None
    if known.fingerprint != content:
        raise InvalidRequest("This Idempotency-Key was used with other content.", code="idempotency_key_reused")
    return known.batch_id


def remember(session: Session, *, key: str, project: str, content: str, batch_id: UUID, now: datetime) -> None:
    """Tie a project's key to the batch that the same transaction stores."""
    session.add(IdempotencyKey(project=project, key=key, fingerprint=content, batch_id=batch_id, created_at=now))
