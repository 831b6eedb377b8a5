"""Pages of lists, and the cursors between them."""

from __future__ import annotations

import base64
import binascii
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.errors import InvalidRequest

_CURSOR = r"^[A-Za-z0-9_-]{22}$"


class PageQuery(BaseModel):
    """How much of a list, and from where."""

    model_config = ConfigDict(extra="forbid")

    cursor: str | None = Field(None, description="`next` of the page before.", pattern=_CURSOR)
    limit: int = Field(50, ge=1, le=200)


def encode_cursor(last: UUID) -> str:
    """An opaque cursor that stands after the item with this id."""
    return base64.urlsafe_b64encode(last.bytes).rstrip(b"=").decode()


def decode_cursor(cursor: str | None) -> UUID | None:
    """The id that a cursor stands after; InvalidRequest for one that we did not make."""
    if cursor is None:
        return None
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))
    except (ValueError, binascii.Error) as error:
        raise InvalidRequest("The cursor is not one that a list gave out.", code="invalid_cursor") from error
