"""Bytes of an uploaded file to one greyscale picture, or a clear reason why not.

Pillow reads them because it says what is wrong with a file, where OpenCV gives nothing without a reason. The API
shows and judges pictures with it too, so it stands here and needs no OpenCV. DICOM files are read by `shared.dicom`.
Size is judged from the header, before anything is decoded: 20 KB can hold 30,000 x 30,000 pixels. What a header
does not tell, such as a JPEG of a million passes, is bounded by `shared.decoder`, which runs this in a process apart.
Whatever the bytes, the outcome is an image or `InvalidScan`; a property test holds that.
"""

from __future__ import annotations

import io
import mmap
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from shared import tiff_pages
from shared.dicom import open_dicom
from shared.dicom_elements import HEAD_BYTES, Data, is_dicom
from shared.dicom_pixels import grey_frame
from shared.errors import InvalidScan
from shared.nifti import HEADER_BYTES, is_nifti, read_header
from shared.nifti_axes import arrangement
from shared.nifti_pixels import grey_slice, prepared, slice_shape
from shared.windowing import between_percentiles

FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
MIN_SIDE_PX = 32
MAX_ASPECT_RATIO = 4
MOST_COLOUR = 12.0  # grey levels between a pixel's strongest and weakest channel, on average

# Of TIFF 6.0: tags, and what they may say.
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
_SAMPLE_FORMAT, _UNSIGNED, _SIGNED = 339, 1, 2

# What Pillow's parsers were seen to raise, or raise by their source, when bytes are damaged.
_DAMAGED = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    AssertionError,
    struct.error,
    zlib.error,
)

_READ_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", *tiff_pages.SIGNATURES, b"BM")
# Pillow's C decoders say so in these words.
_OUT_OF_MEMORY = ("decoder error -9", "out of memory error")
_MOST_QUOTED_CHARS = 200
_COLOUR_PX = 32  # a picture shrunk to about this tells its colour
_OTHER_SIGNATURES = (b"GIF8", b"RIFF", b"8BPS", b"%PDF", b"PK\x03\x04", b"\x1f\x8b", b"\0\0\0\x0cjP", b"<svg")


def read_image(
    data: Data,
    *,
    frame: int = 0,
    max_pixels: int,
    min_side_px: int = MIN_SIDE_PX,
    max_aspect_ratio: int = MAX_ASPECT_RATIO,
) -> npt.NDArray[np.uint8]:
    """Decode one picture to uint8 greyscale of shape (height, width), as stored.

    `frame` is the page of a multi-page TIFF, the frame of a DICOM file or the slice of a NIfTI volume. Data deeper than
    8 bits is windowed once between its 0.5th and 99.5th percentile, DICOM as the file says, a volume as a whole;
    transparency lies on black; an EXIF orientation is ignored but in a TIFF, so that a heatmap has the stored height
    and width. A volume that `shared.nifti_copy` wrote is read slice by slice, any other as a whole each time.

    Raises InvalidScan, beside what `shared.nifti` tells of: `empty_file`,
    `not_an_image`, `unsupported_format`, `truncated_image`, `image_too_small` (a side under `min_side_px`),
    `image_too_large` (over `max_pixels`), `image_too_narrow` (one side over `max_aspect_ratio` times the other),
    `decode_limit` (memory ran out), `not_a_brain_mri` (a picture in colour or a DICOM file of another modality: all
    else is judged by `worker.inference.gate`), `mosaic` (a DICOM file that says it is one).
    """
    check = partial(check_size, max_pixels=max_pixels, min_side_px=min_side_px, max_aspect_ratio=max_aspect_ratio)
    try:
        if is_nifti(data[:HEADER_BYTES]):
            return _read_nifti(data, frame, check)
        if is_dicom(data[:HEAD_BYTES]):
            return _read_dicom(data, frame, check)
        data = data if isinstance(data, bytes) else data[:]
        with _opened(_with_first(data, frame)) as image:
            check(image.size)
            return _greyscale(image)
    except Image.DecompressionBombError as error:
        raise InvalidScan(f"its pixels are far more than max_pixels = {max_pixels}", code="image_too_large") from error
    except MemoryError as error:
        raise InvalidScan("decoding it needs more memory than max_decode_bytes allows", code="decode_limit") from error


def count_frames(source: bytes | Path, *, limit: int = 10_000) -> int:
    """How many pictures a file holds: pages of a TIFF, frames of a DICOM file, slices of a NIfTI volume, else 1.

    Pages are counted up to `limit`; without an image library.
    """
    if isinstance(source, bytes):
        return _count(source, limit=limit)
    with open(source, "rb") as file:
        if not may_hold_several(file.read(HEAD_BYTES)):
            return 1
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _count(data, limit=limit)


def may_hold_several(head: bytes) -> bool:
    """Whether a file of this beginning, of `HEAD_BYTES`, is of a format that can hold several pictures."""
    return head.startswith(tiff_pages.SIGNATURES) or is_dicom(head) or is_nifti(head)


def _count(data: Data, *, limit: int) -> int:
    try:
        if is_nifti(data[:HEADER_BYTES]):
            volume = read_header(data[:HEADER_BYTES])
            return arrangement(volume).shape(volume)[0]
        if is_dicom(data[:HEAD_BYTES]):
            return open_dicom(data).frame_count
    except InvalidScan:
        return 1  # whoever reads it will see why
    if not data[:4].startswith(tiff_pages.SIGNATURES):
        return 1
    return max(1, len(tiff_pages.page_offsets(data, limit=limit)))


def _read_dicom(data: Data, frame: int, check: Callable[[tuple[int, int]], None]) -> npt.NDArray[np.uint8]:
    dicom = open_dicom(data)
    if frame >= dicom.frame_count:
        raise InvalidScan(f"the file has no picture {frame}", code="truncated_image")
    check((dicom.columns, dicom.rows))
    return grey_frame(dicom, data, frame)


def _read_nifti(data: Data, frame: int, check: Callable[[tuple[int, int]], None]) -> npt.NDArray[np.uint8]:
    if not read_header(data[:HEADER_BYTES]).prepared:
        data = prepared(data)
    check(slice_shape(read_header(data[:HEADER_BYTES])))
    return grey_slice(data, frame)


def _with_first(data: bytes, frame: int) -> bytes:
    """The file with the wanted page as its first."""
    if frame == 0:
        return data
    offsets = tiff_pages.page_offsets(data, limit=frame + 1) if data.startswith(tiff_pages.SIGNATURES) else []
    if frame >= len(offsets):
        raise InvalidScan(f"the file has no picture {frame}", code="truncated_image")
    return tiff_pages.beginning_at(data, offsets[frame])


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """A Pillow image of `data`; whatever Pillow raises of damaged bytes, here or in the block, is InvalidScan."""
    if not data:
        raise InvalidScan("the file is empty", code="empty_file")
    with warnings.catch_warnings():
        # Pillow warns of odd metadata and, past its own limit, of large pictures: ours is checked by the caller.
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                yield image
        except UnidentifiedImageError as error:
            raise _unidentified(data) from error
        except _DAMAGED as error:
            if str(error).endswith(_OUT_OF_MEMORY):
                raise MemoryError from error
            raise InvalidScan(f"the image is damaged or cut short: {_shown(error)}", code="truncated_image") from error


def _shown(error: Exception) -> str:
    """The error in one short line of printable text: it may quote the file."""
    text = "".join(character if character.isprintable() else "?" for character in str(error)[:_MOST_QUOTED_CHARS])
    return text or type(error).__name__


def _unidentified(data: bytes) -> InvalidScan:
    """Tell a known format that is not read, and a damaged header, from what is no image at all."""
    if data.startswith(_READ_SIGNATURES):
        return InvalidScan("the image is damaged or cut short in its header", code="truncated_image")
    known_elsewhere = data.startswith(_OTHER_SIGNATURES) or data[4:8] == b"ftyp"
    if known_elsewhere:
        shown = ", ".join((*FORMATS, "DICOM", "NIfTI"))
        return InvalidScan(f"the format is not read here; send one of {shown}", code="unsupported_format")
    return InvalidScan("the file is not an image", code="not_an_image")


def check_size(size: tuple[int, int], *, max_pixels: int, min_side_px: int, max_aspect_ratio: int) -> None:
    """InvalidScan where a picture of this width and height is not read, as `read_image` raises it."""
    width, height = size
    if width * height > max_pixels:
        raise InvalidScan(f"{width} x {height} pixels are more than max_pixels = {max_pixels}", code="image_too_large")
    if min(width, height) < min_side_px:
        raise InvalidScan(
            f"{width} x {height} pixels are too few: each side needs min_side_px = {min_side_px}",
            code="image_too_small",
        )
    if max(width, height) > max_aspect_ratio * min(width, height):
        raise InvalidScan(
            f"{width} x {height} pixels: one side is more than max_aspect_ratio = {max_aspect_ratio} times the other",
            code="image_too_narrow",
        )


def _greyscale(image: Image.Image) -> npt.NDArray[np.uint8]:
    _check_depth(image)
    image.load()
    if (values := _deep_values(image)) is not None:
        levels = between_percentiles(values)
        return 255 - levels if _tiff_tag(image, _PHOTOMETRIC) == _WHITE_IS_ZERO else levels
    if image.has_transparency_data:
        _check_grey(image.convert("RGB"))
        grey_alpha = np.asarray(image.convert("RGBA").convert("LA"), dtype=np.uint16)
        return np.asarray(grey_alpha[..., 0] * grey_alpha[..., 1] // 255, np.uint8)
    if image.mode in ("LAB", "HSV", "YCbCr", "CMYK", "P", "PA"):
        image = image.convert("RGB")
    if image.mode == "RGB":
        _check_grey(image)
    # Pillow copies even a picture that is grey already.
    return np.array(image if image.mode == "L" else image.convert("L"), dtype=np.uint8)


def _check_depth(image: Image.Image) -> None:
    """Of 16 bits a channel Pillow keeps the upper 8 unless they are grey alone: of a scan of 12 bits, 16 levels."""
    deep = any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))
    if deep and image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        raise InvalidScan(
            "16 bits a channel in colour or with transparency are not read here; send 16-bit grey",
            code="unsupported_format",
        )


def _deep_values(image: Image.Image) -> npt.NDArray[np.generic] | None:
    """The stored values of what is deeper than 8 bits, or signed; None of all else. Pillow inverts only 8 bits."""
    sample_format = _tiff_tag(image, _SAMPLE_FORMAT)
    if image.mode == "L" and sample_format == _SIGNED:
        return np.asarray(image).view(np.int8)
    if image.mode == "I" and image.format == "TIFF" and sample_format in (None, _UNSIGNED):
        return np.asarray(image).view(np.uint32)  # Pillow reads them as signed
    return np.asarray(image) if image.mode in ("I", "F") or image.mode.startswith("I;16") else None


def _tiff_tag(image: Image.Image, tag: int) -> int | None:
    """Of several values, one for each sample, the first."""
    if not isinstance(image, TiffImageFile):
        return None
    value: Any = image.tag_v2.get(tag)
    first = value[0] if isinstance(value, tuple) and value else value
    return first if isinstance(first, int) else None


def _check_grey(image: Image.Image) -> None:
    """Of the 4,301 training scans, many saved in colour, none has half of this."""
    small = np.asarray(image.reduce(max(1, min(image.size) // _COLOUR_PX)), np.int16)
    colour = float((small.max(axis=2) - small.min(axis=2)).mean())
    if colour > MOST_COLOUR:
        raise InvalidScan("the picture is in colour, which no MRI is", code="not_a_brain_mri")
