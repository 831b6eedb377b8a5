"""How a submission is meant, and what a dry run says of it."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api import examples
from api.schemas.document import Document


class SubmitQuery(BaseModel):
    """How a submission is meant."""

    model_config = ConfigDict(extra="forbid")

    dry_run: Literal["0", "1"] = Field("0", description="1: a verdict for each scan, and nothing is kept.")


class VerdictDocument(Document):
    """What would become of one scan."""

    filename: str
    frame: int
    verdict: Literal["accepted", "rejected", "duplicate", "not_judged"]
    code: str | None
    message: str | None
    duplicate_of: UUID | None = Field(description="The oldest stored scan of the same bytes.")


class DryRunDocument(Document):
    """What would become of each scan of a submission."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.DRY_RUN]})

    files: list[VerdictDocument]
