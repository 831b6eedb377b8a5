"""Finds the few elements of a DICOM file that are of use, without an image library and whatever the bytes.

Only what `WANTED` names is ever taken out of a file, so a patient's name is not even read (PS3.5, sections 7 and 10).
Both the copy that is kept and the pixels that are judged come from here: no second parser can see more in a file.
Elements, nesting and lengths are bounded, since the API reads uploads by this.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass, field

from shared.errors import InvalidScan

Data = bytes | mmap.mmap
Value = bytes | list["Elements"]
Elements = dict[int, Value]
Part = tuple[int, int]  # where bytes begin and how many they are

MAX_ELEMENTS = 200_000
_MAX_DEPTH = 12
_MAX_VALUE_BYTES = 1024

PREAMBLE_BYTES, MAGIC = 128, b"DICM"
HEAD_BYTES = PREAMBLE_BYTES + len(MAGIC)  # tell a DICOM file
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
UNCOMPRESSED = frozenset({IMPLICIT, EXPLICIT})
RUN_LENGTHS = "1.2.840.10008.1.2.5"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_2000 = frozenset({"1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"})
# Baseline and extended (of 8 bits), lossless, JPEG-LS, JPEG 2000.
CODED = JPEG_2000 | {f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70, 80, 81)}
TRANSFER_SYNTAXES = UNCOMPRESSED | CODED | {RUN_LENGTHS}

TRANSFER_SYNTAX = 0x00020010
IMAGE_TYPE, SOP_CLASS, SOP_INSTANCE, MODALITY = 0x00080008, 0x00080016, 0x00080018, 0x00080060
SAMPLES, PHOTOMETRIC, FRAMES, ROWS, COLUMNS = 0x00280002, 0x00280004, 0x00280008, 0x00280010, 0x00280011
BITS_ALLOCATED, BITS_STORED, HIGH_BIT, SIGNED = 0x00280100, 0x00280101, 0x00280102, 0x00280103
WINDOW_CENTRE, WINDOW_WIDTH, WINDOW_FUNCTION = 0x00281050, 0x00281051, 0x00281056
INTERCEPT, SLOPE = 0x00281052, 0x00281053
STUDY, SERIES, FRAME_OF_REFERENCE, INSTANCE_NUMBER = 0x0020000D, 0x0020000E, 0x00200052, 0x00200013
POSITION, ORIENTATION, FRAME_POSITION, FRAME_ORIENTATION = 0x00200032, 0x00200037, 0x00209113, 0x00209116
BURNED_IN = 0x00280301
SHARED_GROUPS, FRAME_GROUPS = 0x52009229, 0x52009230
VALUE_TRANSFORMATION, FRAME_VOI = 0x00289145, 0x00289132
PIXELS = 0x7FE00010

# Value representation of each element that is read and kept; all others are passed over.
WANTED = {
    TRANSFER_SYNTAX: "UI",
    IMAGE_TYPE: "CS",
    SOP_CLASS: "UI",
    SOP_INSTANCE: "UI",
    MODALITY: "CS",
    0x00180050: "DS",  # slice thickness
    0x00180080: "DS",  # repetition time
    0x00180081: "DS",  # echo time
    0x00180082: "DS",  # inversion time
    0x00180087: "DS",  # magnetic field strength
    0x00180088: "DS",  # spacing between slices
    0x00181314: "DS",  # flip angle
    STUDY: "UI",
    SERIES: "UI",
    0x00200011: "IS",  # series number
    INSTANCE_NUMBER: "IS",
    POSITION: "DS",
    ORIENTATION: "DS",
    FRAME_OF_REFERENCE: "UI",
    FRAME_POSITION: "SQ",
    FRAME_ORIENTATION: "SQ",
    SAMPLES: "US",
    PHOTOMETRIC: "CS",
    FRAMES: "IS",
    ROWS: "US",
    COLUMNS: "US",
    0x00280030: "DS",  # pixel spacing
    BITS_ALLOCATED: "US",
    BITS_STORED: "US",
    HIGH_BIT: "US",
    SIGNED: "US",
    BURNED_IN: "CS",
    WINDOW_CENTRE: "DS",
    WINDOW_WIDTH: "DS",
    INTERCEPT: "DS",
    SLOPE: "DS",
    WINDOW_FUNCTION: "CS",
    0x00282110: "CS",  # lossy compression
    0x00289110: "SQ",  # pixel measures of a frame
    FRAME_VOI: "SQ",
    VALUE_TRANSFORMATION: "SQ",
    SHARED_GROUPS: "SQ",
    FRAME_GROUPS: "SQ",
}

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_SHORT = frozenset(
    {b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS"}
    | {b"ST", b"TM", b"UI", b"UL", b"US"}
)


@dataclass(frozen=True)
class Found:
    """What a file holds of `WANTED`; its pixels as one part, or as fragments where they are compressed."""

    elements: Elements
    pixels: Part | None
    fragments: list[Part] = field(default_factory=list)


def damaged(what: str) -> InvalidScan:
    """The refusal of a file that is not what it has to be; `what` quotes nothing of it."""
    return InvalidScan(f"the DICOM file is damaged or cut short: {what}", code="truncated_image")


def is_dicom(head: bytes) -> bool:
    """By the first 132 bytes of a file; old ones begin with their first element, in group 2 or 8."""
    if head[PREAMBLE_BYTES:HEAD_BYTES] == MAGIC:
        return True
    if len(head) < PREAMBLE_BYTES or head[:2] not in (b"\2\0", b"\10\0"):
        return False
    return head[4:6] in _SHORT | _LONG or (head[:2] == b"\10\0" and head[3] == 0 and head[6:8] == b"\0\0")


def find_elements(data: Data) -> Found:
    """Read up to the pixels. Raises InvalidScan: `truncated_image`, `unsupported_format`, `decode_limit`."""
    at = HEAD_BYTES if data[PREAMBLE_BYTES:HEAD_BYTES] == MAGIC else 0
    try:
        return _Reader(data).file(at)
    except struct.error as error:
        raise damaged("it ends within an element") from error


class _Reader:
    def __init__(self, data: Data) -> None:
        self._data = data
        self._size = len(data)
        self._explicit = True
        self._left = MAX_ELEMENTS

    def file(self, at: int) -> Found:
        meta: Elements = {}
        while at + 8 <= self._size and self._data[at : at + 2] == b"\2\0":
            tag, _, length, at = self._header(at)
            self._take(meta, tag, at, self._checked(at, length))
            at += length
        if TRANSFER_SYNTAX not in meta:
            meta[TRANSFER_SYNTAX] = (EXPLICIT if self._data[at + 4 : at + 6] in _SHORT | _LONG else IMPLICIT).encode()
        transfer_syntax = meta[TRANSFER_SYNTAX].strip(b"\0 ")  # type: ignore[union-attr]
        if transfer_syntax.decode("ascii", "replace") not in TRANSFER_SYNTAXES:
            raise InvalidScan("the DICOM file's transfer syntax is not read here", code="unsupported_format")
        self._explicit = transfer_syntax != IMPLICIT.encode()
        return self._dataset_of_file(meta, at)

    def _dataset_of_file(self, elements: Elements, at: int) -> Found:
        while at < self._size:
            tag, kind, length, at = self._header(at)
            if tag == PIXELS:
                if length == _UNDEFINED:
                    return Found(elements, None, self._fragments(at))
                return Found(elements, (at, self._checked(at, length)))
            at = self._element(elements, tag, kind, length, at, depth=0)
        return Found(elements, None)

    def _header(self, at: int) -> tuple[int, bytes, int, int]:
        """Tag, value representation (none where it is implicit), length, and where the value begins."""
        self._left -= 1
        if self._left < 0:
            raise InvalidScan(f"the header holds more than {MAX_ELEMENTS} elements", code="decode_limit")
        group, number = struct.unpack_from("<HH", self._data, at)
        tag = group << 16 | number
        if not self._explicit or group == 0xFFFE:
            (length,) = struct.unpack_from("<L", self._data, at + 4)
            return tag, b"", length, at + 8
        kind = bytes(self._data[at + 4 : at + 6])
        if kind in _LONG:
            (length,) = struct.unpack_from("<L", self._data, at + 8)
            return tag, kind, length, at + 12
        if kind not in _SHORT:
            raise damaged("an element is of no known kind")
        (length,) = struct.unpack_from("<H", self._data, at + 6)
        return tag, kind, length, at + 8

    def _checked(self, at: int, length: int) -> int:
        if at + length > self._size:
            raise damaged("an element reaches beyond the end")
        return length

    def _take(self, elements: Elements, tag: int, at: int, length: int) -> None:
        """The first of a tag counts."""
        if tag in WANTED and tag not in elements and length <= _MAX_VALUE_BYTES:
            elements[tag] = bytes(self._data[at : at + length])

    def _element(self, elements: Elements, tag: int, kind: bytes, length: int, at: int, *, depth: int) -> int:
        """Take it or pass over it; where the next one begins."""
        wanted = WANTED.get(tag) == "SQ" and tag not in elements and kind in (b"SQ", b"UN", b"")
        if length != _UNDEFINED and not wanted:
            if WANTED.get(tag) != "SQ":
                self._take(elements, tag, at, self._checked(at, length))
            return at + self._checked(at, length)
        if kind not in (b"SQ", b"UN", b""):
            raise damaged("an element has no length")
        explicit, self._explicit = self._explicit, self._explicit and kind != b"UN"
        items, at = self._items(at, length, depth=depth + 1)
        self._explicit = explicit
        if wanted:
            elements[tag] = items
        return at

    def _items(self, at: int, length: int, *, depth: int) -> tuple[list[Elements], int]:
        if depth > _MAX_DEPTH:
            raise damaged("its sequences are nested too deeply")
        end = None if length == _UNDEFINED else at + self._checked(at, length)
        items: list[Elements] = []
        while end is None or at < end:
            tag, _, length, at = self._header(at)
            if tag == _SEQUENCE_END and end is None:
                return items, at
            if tag != _ITEM:
                raise damaged("a sequence holds what is no item")
            item, at = self._item(at, length, depth=depth)
            items.append(item)
        return items, at

    def _item(self, at: int, length: int, *, depth: int) -> tuple[Elements, int]:
        end = None if length == _UNDEFINED else at + self._checked(at, length)
        elements: Elements = {}
        while end is None or at < end:
            tag, kind, length, at = self._header(at)
            if tag == _ITEM_END and end is None:
                return elements, at
            if tag == PIXELS and length == _UNDEFINED:  # an icon's
                at = self._end_of_fragments(at)
            else:
                at = self._element(elements, tag, kind, length, at, depth=depth)
        return elements, at

    def _end_of_fragments(self, at: int) -> int:
        fragments = self._fragments(at)
        return fragments[-1][0] + fragments[-1][1] + 8 if fragments else at + 8

    def _fragments(self, at: int) -> list[Part]:
        """All items of compressed pixels, the table of offsets among them as the first."""
        fragments: list[Part] = []
        while True:
            tag, _, length, at = self._header(at)
            if tag == _SEQUENCE_END:
                return fragments
            if tag != _ITEM:
                raise damaged("its pixels hold what is no fragment")
            fragments.append((at, self._checked(at, length)))
            at += length
