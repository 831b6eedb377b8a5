"""Writes the copy of a DICOM file that is kept: its pixels and what is technical, and nothing else.

A list of what may pass, not of what may not: names, ids, dates, notes, private elements and overlays are never read
(`shared.dicom_elements.WANTED`). What may pass is held to its form as well, since anything can be typed into a field:
numbers are numbers, UIDs digits and dots, and of words only those below.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from typing import IO

import numpy as np

from shared import dicom_elements as tags
from shared.coded_frames import without_text
from shared.dicom import Dicom
from shared.dicom_elements import UNCOMPRESSED, Data, Elements

# What the copy says of its maker: a UID of the UUID kind, made once for this program.
_IMPLEMENTATION = b"2.25.174403118327462895016274839105524617"
_PATIENT_IDENTITY_REMOVED, _METHOD = 0x00120062, 0x00120063

_UID = re.compile(rb"[0-9]+(\.[0-9]+)*")
_NUMBER = re.compile(rb" *[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})? *")
_MOST_NUMBERS, _NUMBER_BYTES, _MOST_DIGITS, _UID_BYTES = 6, 16, 64, 64
_WINDOWS = frozenset({tags.WINDOW_CENTRE, tags.WINDOW_WIDTH})  # any number of them, of which one is used
_WORDS = frozenset(
    b"MR MONOCHROME1 MONOCHROME2 LINEAR LINEAR_EXACT SIGMOID YES NO 00 01"
    b" ORIGINAL DERIVED PRIMARY SECONDARY AXIAL LOCALIZER OTHER M P R I ND NORM DIS2D DIS3D MFSPLIT FM FM3D SH"
    b" M_FFE M_SE M_IR FFE SE IR T1 T2 PROTON_DENSITY FLUID_ATTENUATED T2_STAR NONE"
    b" MAGNITUDE MPR PROJECTION IMAGE".split()
)

_LONG = frozenset({"OB", "OW", "SQ"})
_ITEM, _SEQUENCE_END, _UNDEFINED = 0xFFFEE000, 0xFFFEE0DD, 0xFFFFFFFF


def write_copy(dicom: Dicom, data: Data, out: IO[bytes]) -> None:
    """Write the de-identified copy of a file that `open_dicom` read; how many frames it may have is for the caller.

    InvalidScan as `without_text` raises it, then `out` is of no use.
    """
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
        elif clean := _clean(value, kind, first=_MOST_NUMBERS if tag in _WINDOWS else None):
            yield tag, _element(tag, kind, clean)


def _clean(value: bytes, kind: str, *, first: int | None = None) -> bytes:
    """The value, of numbers the `first` ones, in its kind's form; else nothing, or of words those that are known."""
    if kind == "US":
        return value if len(value) == 2 else b""
    value = value.strip(b" \0")
    if kind == "UI":
        return value if len(value) <= _UID_BYTES and _UID.fullmatch(value) else b""
    parts = value.split(b"\\")
    if kind == "CS":
        return b"\\".join(part.strip() for part in parts if part.strip() in _WORDS)
    numbers = [_number(part, kind) for part in parts[:first]]
    return b"\\".join(numbers) if len(numbers) <= _MOST_NUMBERS and all(numbers) else b""


def _number(text: bytes, kind: str) -> bytes:
    """A number that is longer than the standard allows is written shorter: converters print all digits of a double."""
    if len(text) > _MOST_DIGITS or not _NUMBER.fullmatch(text):
        return b""
    if len(text) <= _NUMBER_BYTES:
        return text
    value = float(text)
    return f"{value:.9g}".encode() if kind == "DS" and math.isfinite(value) else b""


def _stored_bits(dicom: Dicom, frame: bytes) -> bytes:
    """An uncompressed frame with zeros above its stored bits, where older files kept overlays, text among them."""
    if dicom.bits_stored == dicom.bits_allocated:
        return frame
    values = np.frombuffer(frame, f"<u{dicom.bits_allocated // 8}")
    stored: bytes = (values & values.dtype.type((1 << dicom.bits_stored) - 1)).tobytes()
    return stored


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
        size = dicom.frame_count * dicom.frame_bytes
        yield header + struct.pack("<L", size + size % 2)
        for number in range(dicom.frame_count):
            ((at, length),) = dicom.parts(number)
            yield _stored_bits(dicom, data[at : at + length])
        yield bytes(size % 2)
        return
    yield header + struct.pack("<L", _UNDEFINED) + _item(b"")
    for frame in dicom.coded:
        coded = b"".join(data[at : at + size] for at, size in frame)
        coded = without_text(coded, dicom.transfer_syntax, pixels=dicom.rows * dicom.columns)
        yield _item(coded + bytes(len(coded) % 2))
    yield struct.pack("<HHL", _SEQUENCE_END >> 16, _SEQUENCE_END & 0xFFFF, 0)
