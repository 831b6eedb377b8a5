"""Writes the copy of a DICOM file that is kept: its pixels and what is technical, and nothing else.

A list of what may pass, not of what may not: names, ids, dates, notes, private elements and overlays are never read
(`shared.dicom_elements.WANTED`). What may pass is held to its form as well, since anything can be typed into a field:
numbers are numbers, UIDs digits and dots, and of words only those below.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import IO

from shared import dicom_elements as tags
from shared.dicom import Dicom, open_dicom
from shared.dicom_elements import CODED, JPEG_2000, UNCOMPRESSED, Data, Elements, damaged

# What the copy says of its maker: a UID of the UUID kind, made once for this program.
_IMPLEMENTATION = b"2.25.174403118327462895016274839105524617"
_PATIENT_IDENTITY_REMOVED, _METHOD = 0x00120062, 0x00120063

_UID = re.compile(rb"[0-9]+(\.[0-9]+)*")
_NUMBER = re.compile(rb" *[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})? *")
_MOST_NUMBERS, _NUMBER_BYTES, _UID_BYTES = 6, 16, 64
_WORDS = frozenset(
    b"MR MONOCHROME1 MONOCHROME2 LINEAR LINEAR_EXACT SIGMOID YES NO 00 01"
    b" ORIGINAL DERIVED PRIMARY SECONDARY AXIAL LOCALIZER OTHER M P R I ND NORM DIS2D DIS3D MFSPLIT FM FM3D SH"
    b" M_FFE M_SE M_IR FFE SE IR T1 T2 PROTON_DENSITY FLUID_ATTENUATED T2_STAR NONE"
    b" MAGNITUDE MPR PROJECTION IMAGE".split()
)

_LONG = frozenset({"OB", "OW", "SQ"})
_ITEM, _SEQUENCE_END, _UNDEFINED = 0xFFFEE000, 0xFFFEE0DD, 0xFFFFFFFF

_START_OF_IMAGE, _START_OF_CODESTREAM, _END = b"\xff\xd8", b"\xff\x4f", b"\xff\xd9"
_JPEG_COMMENTS = frozenset({0xFE, *range(0xE0, 0xF0)})
_START_OF_SCAN, _J2K_COMMENT, _START_OF_TILE = 0xDA, 0x64, 0x90


def write_copy(data: Data, out: IO[bytes]) -> None:
    """Write the de-identified copy of a file; InvalidScan as `open_dicom` raises it, then `out` is of no use."""
    dicom = open_dicom(data)
    syntax = tags.EXPLICIT if dicom.transfer_syntax in UNCOMPRESSED else dicom.transfer_syntax
    out.write(bytes(tags.PREAMBLE_BYTES) + tags.MAGIC + _meta(dicom.elements, syntax))
    elements = {tag: value for tag, value in dicom.elements.items() if tag >> 16 != 2}
    kept = dict(_kept(elements))
    kept[_PATIENT_IDENTITY_REMOVED] = _element(_PATIENT_IDENTITY_REMOVED, "CS", b"YES")
    kept[_METHOD] = _element(_METHOD, "LO", b"allow-list of technical elements")
    out.write(b"".join(kept[tag] for tag in sorted(kept)))
    for part in _pixels(dicom, data):
        out.write(part)


def _meta(elements: Elements, transfer_syntax: str) -> bytes:
    """The group that tells how to read the rest (PS3.10, 7.1)."""
    body = _element(0x00020001, "OB", b"\0\1")
    for tag, source in ((0x00020002, tags.SOP_CLASS), (0x00020003, tags.SOP_INSTANCE)):
        value = elements.get(source, b"")
        body += _element(tag, "UI", _clean(value, "UI") if isinstance(value, bytes) else b"")
    body += _element(tags.TRANSFER_SYNTAX, "UI", transfer_syntax.encode())
    body += _element(0x00020012, "UI", _IMPLEMENTATION)
    return _element(0x00020000, "UL", struct.pack("<L", len(body))) + body


def _kept(elements: Elements) -> Iterator[tuple[int, bytes]]:
    for tag, value in elements.items():
        kind = tags.WANTED[tag]
        if isinstance(value, list):
            items = b"".join(_item(b"".join(part for _, part in sorted(_kept(item)))) for item in value)
            yield tag, _element(tag, kind, items)
        elif clean := _clean(value, kind):
            yield tag, _element(tag, kind, clean)


def _clean(value: bytes, kind: str) -> bytes:
    """The value where it is of its kind's form; else nothing, or of several words those that are known."""
    if kind == "US":
        return value if len(value) == 2 else b""
    value = value.strip(b" \0")
    if kind == "UI":
        return value if len(value) <= _UID_BYTES and _UID.fullmatch(value) else b""
    parts = value.split(b"\\")
    if kind == "CS":
        return b"\\".join(part.strip() for part in parts if part.strip() in _WORDS)
    numbers = len(parts) <= _MOST_NUMBERS and all(len(p) <= _NUMBER_BYTES and _NUMBER.fullmatch(p) for p in parts)
    return value if numbers else b""


def _element(tag: int, kind: str, value: bytes) -> bytes:
    value += (b"\0" if kind in ("UI", "OB", "OW") else b" ") * (len(value) % 2)
    form = "<HH2sxxL" if kind in _LONG else "<HH2sH"
    return struct.pack(form, tag >> 16, tag & 0xFFFF, kind.encode(), len(value)) + value


def _item(value: bytes) -> bytes:
    return struct.pack("<HHL", _ITEM >> 16, _ITEM & 0xFFFF, len(value)) + value


def _pixels(dicom: Dicom, data: Data) -> Iterator[bytes]:
    """The element of the pixels: as many as the frames need, or a fragment for each frame."""
    kind = b"OW" if dicom.bits_allocated > 8 and dicom.transfer_syntax in UNCOMPRESSED else b"OB"
    header = struct.pack("<HH2sxx", tags.PIXELS >> 16, tags.PIXELS & 0xFFFF, kind)
    if dicom.transfer_syntax in UNCOMPRESSED:
        at, size = dicom.pixels_at, dicom.frame_count * dicom.frame_bytes
        yield header + struct.pack("<L", size + size % 2)
        yield data[at : at + size]
        yield bytes(size % 2)
        return
    yield header + struct.pack("<L", _UNDEFINED) + _item(b"")
    for frame in dicom.coded:
        coded = b"".join(data[at : at + size] for at, size in frame)
        coded = _without_comments(coded, dicom.transfer_syntax)
        yield _item(coded + bytes(len(coded) % 2))
    yield struct.pack("<HHL", _SEQUENCE_END >> 16, _SEQUENCE_END & 0xFFFF, 0)


def _without_comments(coded: bytes, transfer_syntax: str) -> bytes:
    """A JPEG of any kind with zeros for its comments and application data, and without what follows its end."""
    if transfer_syntax not in CODED:
        return coded
    second = transfer_syntax in JPEG_2000
    if not coded.startswith(_START_OF_CODESTREAM if second else _START_OF_IMAGE):
        raise damaged("its pixels are not coded as it says")
    comments = frozenset({_J2K_COMMENT}) if second else _JPEG_COMMENTS
    cleaned, at = bytearray(coded[: coded.rfind(_END) + len(_END)] if _END in coded else coded), 2
    while at + 4 <= len(cleaned) and cleaned[at] == 0xFF and cleaned[at + 1] not in (_START_OF_SCAN, _START_OF_TILE):
        size = int.from_bytes(cleaned[at + 2 : at + 4], "big")
        if size < 2 or at + 2 + size > len(cleaned):
            raise damaged("its pixels are not coded as it says")
        if cleaned[at + 1] in comments:
            first = at + 4 + 2 * second
            cleaned[first : at + 2 + size] = bytes(max(0, at + 2 + size - first))
        at += 2 + size
    return bytes(cleaned)
