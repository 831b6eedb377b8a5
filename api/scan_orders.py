"""In which order a batch's scans are listed, and how a page begins where the one before ended.

A page goes on behind the last scan's place in the order (a keyset), never behind a number of rows: scans that arrive or
change meanwhile move no other across its edge. Cursors hold ids and numbers alone; a file's name, which may tell of a
patient, would end in the logs of proxies.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, and_, or_, select
from sqlalchemy.orm import aliased

from shared.db.models import Prediction, Scan
from shared.errors import InvalidRequest

_ID_BYTES = 16


class ScanSort(StrEnum):
    """By what; a minus turns it round. Scans without a result come last by confidence, equal ones by id."""

    ID = "id"
    ID_DOWN = "-id"
    CONFIDENCE = "confidence"
    CONFIDENCE_DOWN = "-confidence"
    FILENAME = "filename"
    FILENAME_DOWN = "-filename"

    @property
    def down(self) -> bool:
        """Whether the largest comes first."""
        return self.startswith("-")

    @property
    def by_confidence(self) -> bool:
        """Whether results decide, so that they must be joined."""
        return self in {ScanSort.CONFIDENCE, ScanSort.CONFIDENCE_DOWN}

    @property
    def by_filename(self) -> bool:
        """Whether names decide."""
        return self in {ScanSort.FILENAME, ScanSort.FILENAME_DOWN}


@dataclass(frozen=True)
class Place:
    """Where a scan stands in an order: its id and, by confidence, what that was (null where it had none)."""

    id: UUID
    confidence: float | None = None


# Names are compared by code point on both databases, whatever the collation.
_COLLATIONS = {"postgresql": "C", "sqlite": "BINARY"}


def sorted_by(sort: ScanSort, *, dialect: str) -> ColumnElement[Any] | None:
    """What comes before the id in an order; None where that alone decides."""
    if sort.by_confidence:
        return Prediction.confidence.expression
    return Scan.filename.collate(_COLLATIONS[dialect]) if sort.by_filename else None


def ordering(sort: ScanSort, *, key: ColumnElement[UUID], by: ColumnElement[Any] | None) -> list[ColumnElement[Any]]:
    """What to order by; `key` is the column of the scan's id that the query is made around."""
    if by is None:
        return [key.desc() if sort is ScanSort.ID_DOWN else key]
    return [by.desc() if sort.down else by, key]


def beyond(
    sort: ScanSort, place: Place, *, key: ColumnElement[UUID], by: ColumnElement[Any] | None, batch: UUID | None
) -> ColumnElement[bool]:
    """What scans behind a place fulfil; where a name decides, none do unless a scan of that `batch` stands there.

    A cursor is not signed: one made up of another's scan would else tell of that scan's name.
    """
    if by is None:
        return key < place.id if sort is ScanSort.ID_DOWN else key > place.id
    value: Any = place.confidence if sort.by_confidence else _name_of(place.id, batch=batch)
    # Said in two, the first part gives an index its range.
    return and_(by <= value if sort.down else by >= value, or_(by != value, key > place.id))


def _name_of(scan_id: UUID, *, batch: UUID | None) -> ScalarSelect[str]:
    there = aliased(Scan)
    return select(there.filename).where(there.id == scan_id, there.batch_id == batch).scalar_subquery()


def place_of(sort: ScanSort, scan_id: UUID, *, confidence: float | None) -> Place:
    """Where a scan stands; `confidence` is that of its result, if it has one."""
    return Place(scan_id, confidence if sort.by_confidence else None)


def encode_place(sort: ScanSort, place: Place) -> str:
    """An opaque cursor; in the default order it is that of all other lists."""
    data = place.id.bytes
    if sort is not ScanSort.ID:
        data += bytes([_tag(sort)])
    if place.confidence is not None:
        data += struct.pack(">d", place.confidence)
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_place(sort: ScanSort, cursor: str | None) -> Place | None:
    """The place that a cursor of this order tells; InvalidRequest for any other."""
    if cursor is None:
        return None
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = _place(sort, data)
    except (ValueError, binascii.Error, struct.error) as error:
        raise InvalidRequest("No list in this order gave out this cursor.", code="invalid_cursor") from error
    if place.confidence is not None and not math.isfinite(place.confidence):
        raise InvalidRequest("No list in this order gave out this cursor.", code="invalid_cursor")
    return place


def _place(sort: ScanSort, data: bytes) -> Place:
    scan_id, tag, rest = data[:_ID_BYTES], data[_ID_BYTES : _ID_BYTES + 1], data[_ID_BYTES + 1 :]
    if tag != (b"" if sort is ScanSort.ID else bytes([_tag(sort)])) or (rest and not sort.by_confidence):
        raise ValueError("a cursor of another order")
    return Place(UUID(bytes=scan_id), struct.unpack(">d", rest)[0] if rest else None)


def _tag(sort: ScanSort) -> int:
    return list(ScanSort).index(sort)
