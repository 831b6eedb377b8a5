"""Takes out of compressed frames what is no picture: comments, application data, and what lies beside the picture.

Any text may stand there, a patient's name among it. Streams are walked marker by marker (JPEG: ITU-T T.81, annex B;
JPEG-LS: T.87; JPEG 2000: T.800, annex A) or segment by segment (run lengths: DICOM PS3.5, annex G), and only what a
decoder needs is kept; nothing is decoded. What a walk may cost is bounded: segments of nothing and runs that make no
pixel would keep it going for longer than any picture does.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from shared.dicom_elements import CODED, JPEG_2000, damaged
from shared.errors import InvalidScan

# Of one frame, tile-parts counted; a picture has a few dozen.
MAX_SEGMENTS = 1_000

_MARKER = 0xFF
_START_OF_IMAGE, _START_OF_CODESTREAM = b"\xff\xd8", b"\xff\x4f"
_END, _START_OF_SCAN = 0xD9, 0xDA
_JPEG_COMMENTS = frozenset({0xFE, *range(0xE0, 0xF0)})
# What ends a scan's data: a marker that is no restart; in JPEG-LS a byte after FF has its first bit set only there.
_AFTER_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_AFTER_LS_SCAN = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")
_FILLED_UP = re.compile(rb"\xff+")  # before a marker, whose own first byte is the last of them
_JPEG_LS = frozenset({"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"})

_J2K_COMMENT, _START_OF_TILE, _START_OF_DATA = 0x64, 0x90, 0x93
_SOT_BYTES = 12  # the marker of a tile-part with its segment
_J2K_END = b"\xff\xd9"  # cannot occur within packets

_RLE_HEADER = struct.Struct("<16L")
_NO_OPERATION = 0x80
_NO_OPERATIONS = re.compile(rb"\x80+")
_MOST_CODED_BYTES = 2  # of a pixel's byte: a run for it alone


@dataclass
class _Segments:
    """Of one frame, counted as they are walked."""

    begun: int = 0

    def begin(self) -> None:
        self.begun += 1
        if self.begun > MAX_SEGMENTS:
            raise InvalidScan(
                f"a frame of the DICOM file is coded in more than {MAX_SEGMENTS} segments", code="decode_limit"
            )


def without_text(coded: bytes, transfer_syntax: str, *, pixels: int) -> bytes:
    """One frame of `pixels` pixels with zeros for all text, and without what follows its end.

    InvalidScan: `truncated_image` where it is not coded as `transfer_syntax` says, `decode_limit` where it has more
    than `MAX_SEGMENTS`.
    """
    if transfer_syntax not in CODED:
        return _run_lengths(coded, pixels=pixels)
    second = transfer_syntax in JPEG_2000
    if not coded.startswith(_START_OF_CODESTREAM if second else _START_OF_IMAGE):
        raise _not_as_said()
    cleaned = bytearray(coded)
    end = _walk_jpeg_2000(cleaned) if second else _walk_jpeg(cleaned, is_ls=transfer_syntax in _JPEG_LS)
    return bytes(cleaned[:end])


def _walk_jpeg(data: bytearray, *, is_ls: bool) -> int:
    """Blank comments, between scans as well; where the picture ends."""
    at = 2
    segments = _Segments()
    while at + 2 <= len(data):
        segments.begin()
        filled_up = _FILLED_UP.match(data, at)
        if filled_up is None:
            raise _not_as_said()
        at = min(filled_up.end(), len(data) - 1) - 1
        marker = data[at + 1]
        if marker == _END:
            return at + 2
        end = _segment_end(data, at)
        if marker in _JPEG_COMMENTS:
            data[at + 4 : end] = bytes(end - at - 4)
        at = end
        if marker == _START_OF_SCAN:
            found = (_AFTER_LS_SCAN if is_ls else _AFTER_SCAN).search(data, at)
            if found is None:
                break
            at = found.start()
    return len(data)


def _walk_jpeg_2000(data: bytearray) -> int:
    """Blank comments of the main header and of every tile-part's; where the picture ends."""
    segments = _Segments()
    at = _blank_headers(data, 2, ends=_START_OF_TILE, segments=segments)
    while at + _SOT_BYTES <= len(data) and data[at : at + 2] == bytes((_MARKER, _START_OF_TILE)):
        segments.begin()
        (size,) = struct.unpack_from(">L", data, at + 6)
        packets = _blank_headers(data, at + _SOT_BYTES, ends=_START_OF_DATA, segments=segments) + 2
        if size == 0:  # the last one, up to the end of all
            break
        if at + size < packets:
            raise _not_as_said()
        at += size
    else:
        packets = at
    end = data.find(_J2K_END, min(packets, len(data)))
    return len(data) if end < 0 else end + len(_J2K_END)


def _blank_headers(data: bytearray, at: int, *, ends: int, segments: _Segments) -> int:
    """Walk the segments of a header, up to the marker that ends it or to what is no marker."""
    while at + 4 <= len(data) and data[at] == _MARKER and data[at + 1] != ends:
        segments.begin()
        end = _segment_end(data, at)
        if data[at + 1] == _J2K_COMMENT:
            first = min(at + 6, end)  # which kind of comment it is stays
            data[first:end] = bytes(end - first)
        at = end
    return at


def _segment_end(data: bytearray, at: int) -> int:
    size = int.from_bytes(data[at + 2 : at + 4], "big")
    if size < 2 or at + 2 + size > len(data):
        raise _not_as_said()
    return at + 2 + size


def _run_lengths(coded: bytes, *, pixels: int) -> bytes:
    """The segments with nothing between and behind them."""
    if len(coded) < _RLE_HEADER.size:
        raise _not_as_said()
    count, *offsets = _RLE_HEADER.unpack_from(coded)
    starts = offsets[:count]
    if not 0 < count < len(offsets) or starts != sorted(starts) or starts[0] < _RLE_HEADER.size:
        raise _not_as_said()
    segments = []
    for start, end in zip(starts, [*starts[1:], len(coded)], strict=True):
        segment = coded[start : _runs_end(coded, start, min(end, len(coded)), wanted=pixels)]
        segments.append(segment + bytes(len(segment) % 2))
    places = [_RLE_HEADER.size + sum(map(len, segments[:number])) for number in range(count)]
    header = _RLE_HEADER.pack(count, *places, *[0] * (len(offsets) - count))
    return header + b"".join(segments)


def _runs_end(coded: bytes, at: int, end: int, *, wanted: int) -> int:
    """Behind the runs that make up so many bytes, or at the end of what there is."""
    made, last = 0, min(end, at + _MOST_CODED_BYTES * wanted)
    while made < wanted and at < last:
        control = coded[at]
        if control < _NO_OPERATION:
            made, at = made + control + 1, at + control + 2
        elif control > _NO_OPERATION:
            made, at = made + 257 - control, at + 2
        else:
            at = _past_nothing(coded, at)
    if made < wanted and at < end:
        raise damaged("its pixels are coded in far more bytes than they are")
    return min(at, end)


def _past_nothing(coded: bytes, at: int) -> int:
    found = _NO_OPERATIONS.match(coded, at)
    assert found is not None, "there is at least the one at which it begins"
    return found.end()


def _not_as_said() -> Exception:
    return damaged("its pixels are not coded as it says")
