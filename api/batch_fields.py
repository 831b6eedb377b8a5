"""What a client may say of a batch beside its files: a name, and metadata of its own."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from typing import Any

from shared.errors import FieldTooLong, InvalidRequest
from shared.settings import Settings

# Control characters, halves of surrogate pairs, separators of lines and paragraphs: a name is shown on one line.
_NO_TEXT = frozenset({"Cc", "Cs", "Zl", "Zp"})


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
        if any(unicodedata.category(character) in _NO_TEXT for character in name):
            raise InvalidRequest("The name holds a control character or a line break.", code="invalid_name")
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
    if _depth(metadata) > settings.max_metadata_depth:
        raise FieldTooLong(
            f"The metadata is nested more than {settings.max_metadata_depth} levels deep.",
            limit="max_metadata_depth",
            value=settings.max_metadata_depth,
        )
    return metadata


def _depth(document: Any) -> int:
    """How many objects and lists lie within each other, counted without recursion."""
    depth, level = 0, [document]
    while level := [value for value in level if isinstance(value, dict | list)]:
        depth += 1
        level = [inner for value in level for inner in (value.values() if isinstance(value, dict) else value)]
    return depth


def _refuse_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
