"""What a client may say of a batch beside its files: a name, and metadata of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from shared.errors import FieldTooLong, InvalidRequest
from shared.settings import Settings


def batch_fields(fields: Mapping[str, str], *, settings: Settings) -> tuple[str | None, dict[str, Any]]:
    """Name and metadata of a submission; other fields are passed over.

    Raises FieldTooLong or InvalidRequest for what cannot be kept as it is.
    """
    name = fields.get("name") or None
    if name is not None:
        if len(name) > settings.max_name_chars:
            raise FieldTooLong(
                f"The name is longer than {settings.max_name_chars} characters.",
                limit="max_name_chars",
                value=settings.max_name_chars,
            )
        if "\x00" in name:
            raise InvalidRequest("The name holds a NUL character.", code="invalid_name")
    return name, _metadata(fields.get("metadata"), settings=settings)


def _metadata(text: str | None, *, settings: Settings) -> dict[str, Any]:
    if not text:
        return {}
    if len(text.encode()) > settings.max_metadata_bytes:
        raise FieldTooLong(
            f"The metadata is larger than {settings.max_metadata_bytes} bytes.",
            limit="max_metadata_bytes",
            value=settings.max_metadata_bytes,
        )
    try:
        metadata = json.loads(text, parse_constant=_refuse_constant)
        # Half a surrogate pair is no text, and 1e999 no number that can be told again.
        json.dumps(metadata, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("The metadata is not valid JSON.", code="invalid_metadata") from error
    if not isinstance(metadata, dict):
        raise InvalidRequest("The metadata is not a JSON object.", code="invalid_metadata")
    return metadata


def _refuse_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
