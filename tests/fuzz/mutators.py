"""Small harms to a file, of the kinds that parsers get wrong; the same random numbers do the same harm."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Sequence

_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x10000, 0xFFFFFFF0)
_LARGEST_BYTES = 256 * 1024
_PNG = b"\x89PNG\r\n\x1a\n"

Harm = Callable[[random.Random, bytearray, Sequence[bytes]], bytearray]


def mutate(chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """`data` after one to six harms; pieces of `others` may come into it."""
    harmed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        harmed = chance.choice(_HARMS)(chance, harmed, others)
    if harmed.startswith(_PNG) and chance.random() < 0.7:
        harmed = _with_right_checksums(harmed)  # else most harms to a PNG end at its checksum
    return bytes(harmed[:_LARGEST_BYTES])


def _flip_bits(chance: random.Random, data: bytearray, _others: Sequence[bytes]) -> bytearray:
    for _ in range(chance.choice((1, 1, 4, 16))):
        if data:
            data[_near_the_front(chance, data)] ^= 1 << chance.randrange(8)
    return data


def _set_bytes(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> bytearray:
    if data:
        at = _near_the_front(chance, data)
        data[at : at + chance.randint(1, 8)] = chance.randbytes(chance.randint(1, 8))
    return data


def _set_number(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> bytearray:
    """A length, a count or an offset that is none."""
    kind = chance.choice(("<H", ">H", "<L", ">L", "<Q", ">Q"))
    number = chance.choice((*_NUMBERS, len(data), max(0, len(data) - 1), chance.randrange(2**32)))
    field = struct.pack(kind, number % 2 ** (8 * struct.calcsize(kind)))
    at = _near_the_front(chance, data)
    data[at : at + len(field)] = field
    return data


def _cut(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> bytearray:
    return data[: chance.randint(0, len(data))]


def _remove(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> bytearray:
    start, end = _piece(chance, data)
    del data[start:end]
    return data


def _repeat(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> bytearray:
    start, end = _piece(chance, data)
    piece = bytes(data[start:end])
    times = min(chance.choice((1, 1, 2, 50, 1_000)), max(1, _LARGEST_BYTES // max(1, len(piece))))
    data[end:end] = piece * times
    return data


def _swap(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> bytearray:
    start, end = _piece(chance, data)
    piece = data[start:end]
    del data[start:end]
    at = chance.randint(0, len(data))
    data[at:at] = piece
    return data


def _splice(chance: random.Random, data: bytearray, others: Sequence[bytes]) -> bytearray:
    other = chance.choice(others)
    return data[: chance.randint(0, len(data))] + other[chance.randint(0, len(other)) :]


def _insert(chance: random.Random, data: bytearray, others: Sequence[bytes]) -> bytearray:
    other = chance.choice(others)
    start, end = _piece(chance, other)
    at = chance.randint(0, len(data))
    data[at:at] = other[start:end]
    return data


def _text(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> bytearray:
    """What means something in a name, a header or a field."""
    words = (b"\0", b"\r\n", b"\r\n\r\n", b'"', b"\\", b"--B", b"--B--", b"../", b"\xff\xfe", b"=cmd|", b"\xe2\x80\xae")
    more = (b'; filename="', b"; filename*=UTF-8''%00", b"Content-Length: 5\r\n", b"[" * 500, b"1e999", b"\xed\xa0\x80")
    at = chance.randint(0, len(data))
    data[at:at] = chance.choice(words + more)
    return data


_HARMS: tuple[Harm, ...] = (
    *(_flip_bits, _set_bytes, _set_number, _set_number, _cut, _remove, _repeat, _swap, _splice, _insert, _text),
)


def _near_the_front(chance: random.Random, data: bytearray) -> int:
    """A place in `data`; every other time among the first bytes, where most of what a parser reads stands."""
    return chance.randrange(max(1, min(len(data), 128) if chance.random() < 0.5 else len(data)))


def _piece(chance: random.Random, data: bytes | bytearray) -> tuple[int, int]:
    start = chance.randint(0, len(data))
    return start, min(len(data), start + chance.choice((1, 2, 4, 12, 64, 1_024)))


def _with_right_checksums(data: bytearray) -> bytearray:
    at = len(_PNG)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">L", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            break
        struct.pack_into(">L", data, end, zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return data
