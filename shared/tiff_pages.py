"""Finds the pages of a TIFF without an image library, so that the API can count them in files it does not trust.

Only the chain of directories is followed: the number of each one's entries and the offset of the next (TIFF 6.0,
section 2; BigTIFF has wider fields). However many entries a directory claims, none is read.
"""

from __future__ import annotations

import mmap
import struct

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# Of TIFF and BigTIFF: where the first offset stands, how a directory counts its entries, an entry's bytes, an offset.
_CLASSIC = (4, "H", 12, "L")
_BIG = (8, "Q", 20, "Q")


def page_offsets(data: bytes | mmap.mmap, *, limit: int) -> list[int]:
    """Where the directory of each page begins, up to `limit` of them.

    A chain that leads back into itself ends there. One that leads out of the file, or whose last directory is cut
    off, ends with that page: whoever reads it will see that it is broken.
    """
    order = "<" if data[:2] == b"II" else ">"
    first_at, count, entry_bytes, offset = _BIG if b"+" in data[:4] else _CLASSIC
    offsets: dict[int, None] = {}
    try:
        (at,) = struct.unpack_from(order + offset, data, first_at)
        while at and at not in offsets and len(offsets) < limit:
            offsets[at] = None
            (entries,) = struct.unpack_from(order + count, data, at)
            next_at = at + struct.calcsize(order + count) + entries * entry_bytes
            (at,) = struct.unpack_from(order + offset, data, next_at)
    except (struct.error, OverflowError):
        pass
    return list(offsets)


def beginning_at(data: bytes, offset: int) -> bytes:
    """The same file with the page at `offset` as its first: reading the thousandth then costs what the first does."""
    order = "<" if data[:2] == b"II" else ">"
    first_at, _, _, kind = _BIG if b"+" in data[:4] else _CLASSIC
    field = struct.pack(order + kind, offset)
    return data[:first_at] + field + data[first_at + len(field) :]
