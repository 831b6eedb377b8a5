"""Unpacks gzip up to a number of bytes that was known before, however much it may hold (RFC 1952).

zlib and not Python's gzip, which reads a member's header byte by byte: a name of 64 MB would keep it busy for a minute.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import IO

MAGIC = b"\x1f\x8b"
_READ_BYTES = 16 * 1024  # small, since what follows a member is copied
_PIECE_BYTES = 1024 * 1024
_MAX_MEMBERS = 65_536  # block-wise gzip has one for each 64 KiB
_GZIP_FORMAT = 31


def unpacked(packed: IO[bytes], *, most_bytes: int) -> Iterator[bytes]:
    """The first `most_bytes` of what a gzip file holds, in pieces; fewer where it ends early or is damaged.

    Its checksum is not looked at: what is read past the needed bytes may be anything.
    """
    members, left = 1, most_bytes
    inflating = zlib.decompressobj(_GZIP_FORMAT)
    data = packed.read(_READ_BYTES)
    while data and left:
        try:
            piece = inflating.decompress(data, min(left, _PIECE_BYTES))
        except zlib.error:
            return
        left -= len(piece)
        if piece:
            yield piece
        data = inflating.unconsumed_tail
        if inflating.eof:
            members += 1
            data = inflating.unused_data
            inflating = zlib.decompressobj(_GZIP_FORMAT)
        if members > _MAX_MEMBERS:
            return
        data = data or packed.read(_READ_BYTES)
