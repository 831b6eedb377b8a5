"""Values of query parameters that are stricter than what pydantic would take."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, StringConstraints

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


def _true_or_false(value: object) -> object:
    """JSON's two words alone: pydantic would also take yes, on, 1 and t."""
    words = {"true": True, "false": False}
    return words.get(value, "neither") if isinstance(value, str) else value


def _rfc_3339(value: object) -> object:
    """A date and a time with its zone: pydantic would also take a number of seconds."""
    if isinstance(value, str) and not _RFC_3339.fullmatch(value):
        raise ValueError("not an RFC 3339 time such as 2026-11-01T12:00:00Z")
    return value


def _within_our_era(time: datetime) -> datetime:
    """No scan is older or younger; times at Python's own ends cannot be brought to UTC."""
    naive = time.replace(tzinfo=None)
    if naive <= _EARLIEST.replace(tzinfo=None):
        return _EARLIEST
    return _LATEST if naive >= _LATEST.replace(tzinfo=None) else time


# PostgreSQL keeps no NUL, so none is found.
QueryText = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
QueryWord = Annotated[str, StringConstraints(max_length=64, pattern=r"^[a-z0-9_]+$")]
QueryFlag = Annotated[bool, BeforeValidator(_true_or_false)]
QueryTime = Annotated[AwareDatetime, BeforeValidator(_rfc_3339), AfterValidator(_within_our_era)]
