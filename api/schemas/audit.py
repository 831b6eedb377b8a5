"""The audit trail, as the API answers it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import ConfigDict, Field

from api import examples
from api.schemas.document import Document


class AuditDocument(Document):
    """One entry of the audit trail: who did what to which id."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.AUDIT_ENTRY]})

    id: UUID
    at: datetime
    actor: str = Field(description="Id of the key; or local, command, retention, nobody.")
    action: str
    subject: str | None = Field(description="Id of the batch, scan, key, webhook or delivery.")
    count: int | None = Field(description="Number of scans, or of refused requests.")
    request_id: str | None


class AuditList(Document):
    """A page of the audit trail; `next` is the cursor of the following page, null on the last."""

    items: list[AuditDocument]
    next: str | None
