"""Whether a browser is signed in, and what it signs in by."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from api import examples
from api.schemas.document import Document
from shared.keys import Scope


class SignIn(BaseModel):
    """The key that a person typed."""

    model_config = ConfigDict(extra="forbid", strict=True)

    key: str = Field(max_length=200)


class SessionDocument(Document):
    """What a page has to know before it asks for anything else."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.SESSION]})

    key_required: bool = Field(description="False: whoever is on this machine may do everything.")
    signed_in: bool
    project: str | None
    scopes: list[Scope]
    csrf_token: str | None = Field(description="To be sent as X-CSRF-Token with all but GET; null where none is asked.")
