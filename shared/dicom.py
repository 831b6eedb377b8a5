"""One DICOM file as neurobatch sees it: its shape, what it is of, and where each frame's bytes are.

The file is judged here, before a pixel is decoded and before anything of it is kept. No message quotes the file:
whatever stands in a tag may be a patient's name.
"""

from __future__ import annotations

import math
import re
import struct
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise

from shared import dicom_elements as tags
from shared.dicom_elements import Data, Elements, Part, damaged, find_elements
from shared.errors import InvalidScan

_ITEM_HEADER_BYTES = 8
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_MODALITIES = {
    "CR": "computed radiography",
    "CT": "computed tomography",
    "DX": "digital radiography",
    "ES": "endoscopy",
    "IO": "intra-oral radiography",
    "IVUS": "intravascular ultrasound",
    "MG": "mammography",
    "NM": "nuclear medicine",
    "OP": "ophthalmic photography",
    "OPT": "ophthalmic tomography",
    "OT": "other",
    "PR": "presentation state",
    "PT": "positron emission tomography",
    "RF": "radiofluoroscopy",
    "RG": "radiography",
    "RTDOSE": "radiotherapy dose",
    "RTIMAGE": "radiotherapy image",
    "RTPLAN": "radiotherapy plan",
    "RTSTRUCT": "radiotherapy structures",
    "SEG": "segmentation",
    "SM": "slide microscopy",
    "SR": "structured report",
    "US": "ultrasound",
    "XA": "X-ray angiography",
    "XC": "photography",
}
# A JPEG or JPEG-LS, and a codestream of JPEG 2000.
_BEGINNINGS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51")


@dataclass(frozen=True)
class Transform:
    """From stored values to grey: value x slope + intercept, then the window, if the file states one."""

    slope: float = 1.0
    intercept: float = 0.0
    centre: float | None = None
    width: float | None = None
    function: str = "LINEAR"


@dataclass(frozen=True)
class Plane:
    """A slice's place in millimetres of the patient's space: its first pixel, and the directions of row and column."""

    position: tuple[float, float, float]
    along_row: tuple[float, ...]
    along_column: tuple[float, ...]

    @property
    def normal(self) -> tuple[float, float, float]:
        """The direction that right-handed slices follow each other in; of no certain length."""
        (ax, ay, az), (bx, by, bz) = self.along_row, self.along_column
        return ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx


@dataclass(frozen=True)
class Dicom:
    """A file of grey frames that lie whole within it."""

    elements: Elements
    transfer_syntax: str
    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    inverted: bool
    frame_count: int
    pixels_at: int  # where uncompressed frames begin, one after the other
    coded: list[list[Part]]  # of each compressed frame its fragments

    @property
    def frame_bytes(self) -> int:
        """Of one frame, not compressed."""
        return self.rows * self.columns * self.bits_allocated // 8

    def parts(self, frame: int) -> list[Part]:
        """Which parts of the file hold a frame."""
        if self.coded:
            return self.coded[frame]
        return [(self.pixels_at + frame * self.frame_bytes, self.frame_bytes)]

    def transform(self, frame: int) -> Transform:
        """How a frame's stored values become grey."""
        found = self._of_frame(frame, tags.VALUE_TRANSFORMATION, tags.FRAME_VOI)
        slope, intercept = decimal(found, tags.SLOPE), decimal(found, tags.INTERCEPT)
        return Transform(
            slope=1.0 if slope is None else slope,
            intercept=0.0 if intercept is None else intercept,
            centre=decimal(found, tags.WINDOW_CENTRE),
            width=decimal(found, tags.WINDOW_WIDTH),
            function=text(found, tags.WINDOW_FUNCTION) or "LINEAR",
        )

    def plane(self, frame: int) -> Plane | None:
        """Where a frame lies in the patient (PS3.3, C.7.6.2); None where that is not stated, or not in numbers."""
        found = self._of_frame(frame, tags.FRAME_POSITION, tags.FRAME_ORIENTATION)
        position, orientation = decimals(found, tags.POSITION), decimals(found, tags.ORIENTATION)
        if len(position) != 3 or len(orientation) != 6:
            return None
        return Plane((position[0], position[1], position[2]), along_row=orientation[:3], along_column=orientation[3:])

    def _of_frame(self, frame: int, *inner: int) -> Elements:
        """What a frame's own groups say, else those that all frames share, else the file (PS3.3, C.7.6.16)."""
        levels = [self.elements, *self.groups(tags.SHARED_GROUPS, 0), *self.groups(tags.FRAME_GROUPS, frame)]
        found: Elements = {}
        for level in levels:
            found |= {tag: value for tag, value in level.items() if isinstance(value, bytes)}
            for tag in inner:
                found |= _item(level, tag, 0)
        return found

    def groups(self, tag: int, number: int) -> list[Elements]:
        """The functional groups of that number, if there are such."""
        item = _item(self.elements, tag, number)
        return [item] if item else []


def open_dicom(data: Data) -> Dicom:
    """Read and judge a file's header.

    Raises InvalidScan: `truncated_image`, `unsupported_format`, `not_a_brain_mri` (of another modality than MR, or in
    colour), `mosaic`, `decode_limit` (a header of more than `dicom_elements.MAX_ELEMENTS`).
    """
    found = find_elements(data)
    elements = found.elements
    transfer_syntax = text(elements, tags.TRANSFER_SYNTAX)
    _check_kind(elements)
    if found.pixels is None and not found.fragments:
        raise damaged("it holds no pixels")
    _check_colour(elements)
    allocated = number(elements, tags.BITS_ALLOCATED)
    stored = number(elements, tags.BITS_STORED, missing=allocated)
    _check_bits(allocated, stored, number(elements, tags.HIGH_BIT, missing=stored - 1), transfer_syntax)
    rows, columns = number(elements, tags.ROWS), number(elements, tags.COLUMNS)
    if not rows or not columns:
        raise damaged("it has no rows or no columns")
    compressed = transfer_syntax not in tags.UNCOMPRESSED
    if compressed != (found.pixels is None):
        raise damaged("its pixels are not coded as it says")
    frame_count = _frame_count(elements)
    dicom = Dicom(
        elements=elements,
        transfer_syntax=transfer_syntax,
        rows=rows,
        columns=columns,
        bits_allocated=allocated,
        bits_stored=stored,
        signed=number(elements, tags.SIGNED, missing=0) == 1,
        inverted=text(elements, tags.PHOTOMETRIC) == "MONOCHROME1",
        frame_count=frame_count,
        pixels_at=found.pixels[0] if found.pixels else 0,
        coded=_coded_frames(data, found.fragments, frame_count) if compressed else [],
    )
    if found.pixels and found.pixels[1] < frame_count * dicom.frame_bytes:
        raise damaged("it holds fewer pixels than it says")
    return dicom


def text(elements: Elements, tag: int) -> str:
    """A value as text without its padding; empty if there is none."""
    value = elements.get(tag, b"")
    return value.decode("ascii", "replace").strip(" \0") if isinstance(value, bytes) else ""


def number(elements: Elements, tag: int, *, missing: int | None = None) -> int:
    """An unsigned short."""
    value = elements.get(tag, b"")
    if not isinstance(value, bytes) or len(value) != 2:
        if not value and missing is not None:
            return missing
        raise damaged("its shape is missing or no number")
    return int.from_bytes(value, "little")


def decimal(elements: Elements, tag: int) -> float | None:
    """The first of a decimal string's values, if it is a finite number."""
    values = decimals(elements, tag)
    return values[0] if values and math.isfinite(values[0]) else None


def decimals(elements: Elements, tag: int) -> tuple[float, ...]:
    """A decimal string's values; NaN for one that is no number."""
    words = [word.strip() for word in text(elements, tag).split("\\")]
    return tuple(float(word) if _DECIMAL.fullmatch(word) else math.nan for word in words)


def _item(elements: Elements, tag: int, number: int) -> Elements:
    items = elements.get(tag)
    return items[number] if isinstance(items, list) and number < len(items) else {}


def _check_kind(elements: Elements) -> None:
    modality = text(elements, tags.MODALITY)
    if modality != "MR":
        named = f"{modality} ({_MODALITIES[modality]})" if modality in _MODALITIES else "not stated or unknown"
        raise InvalidScan(f"the DICOM file's modality is {named}, and only MR is read", code="not_a_brain_mri")
    if "MOSAIC" in text(elements, tags.IMAGE_TYPE).upper().split("\\"):
        raise InvalidScan("several slices lie side by side in one mosaic; send each by itself", code="mosaic")


def _check_colour(elements: Elements) -> None:
    photometric = text(elements, tags.PHOTOMETRIC)
    if not photometric:
        raise damaged("how its values are to be shown is missing")
    if photometric not in ("MONOCHROME1", "MONOCHROME2") or number(elements, tags.SAMPLES, missing=1) != 1:
        raise InvalidScan("the picture is in colour, which no MRI is", code="not_a_brain_mri")


def _check_bits(allocated: int, stored: int, high: int, transfer_syntax: str) -> None:
    if not 0 < stored <= allocated:
        raise damaged("it stores more bits than it has, or none")
    deepest = 16 if transfer_syntax in tags.CODED else 32
    eight_alone = transfer_syntax == tags.JPEG_EXTENDED and stored != 8
    if allocated not in (8, 16, 32) or allocated > deepest or high != stored - 1 or eight_alone:
        raise InvalidScan("the DICOM file's depth of pixels is not read here", code="unsupported_format")


def _frame_count(elements: Elements) -> int:
    stated = text(elements, tags.FRAMES)
    if not stated:
        return 1
    if not re.fullmatch(r"\d{1,9}", stated) or not int(stated):
        raise damaged("its number of frames is none")
    return int(stated)


def _frames_by_their_beginning(data: Data, parts: list[Part], count: int) -> list[list[Part]]:
    """Of several fragments a frame and no table: a frame begins where a JPEG of some kind does."""
    firsts = [number for number, (at, _) in enumerate(parts) if data[at : at + 4].startswith(_BEGINNINGS)]
    if len(firsts) != count or firsts[0] != 0:
        raise damaged("its frames cannot be told apart")
    return [parts[first:end] for first, end in pairwise([*firsts, len(parts)])]


def _coded_frames(data: Data, fragments: list[Part], count: int) -> list[list[Part]]:
    """One fragment a frame, or all for one frame, or as the table of offsets says (PS3.5, A.4)."""
    (table_at, table_bytes), *parts = fragments
    if len(parts) == count:
        return [[part] for part in parts]
    if count == 1 and parts:
        return [parts]
    if len(parts) > count and table_bytes == 0:
        return _frames_by_their_beginning(data, parts, count)
    if len(parts) < count or table_bytes != 4 * count:
        raise damaged("its frames cannot be told apart")
    offsets = struct.unpack_from(f"<{count}L", data, table_at)
    starts = [at - _ITEM_HEADER_BYTES - table_at - table_bytes for at, _ in parts]
    firsts = [*(bisect_left(starts, offset) for offset in offsets), len(parts)]
    frames = [parts[first:end] for first, end in pairwise(firsts)]
    if not all(frames):
        raise damaged("its frames cannot be told apart")
    return frames
