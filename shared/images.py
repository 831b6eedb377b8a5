"""Bytes of an uploaded file to one greyscale picture, or a clear reason why not.

Pillow reads them because it says what is wrong with a file, where OpenCV gives nothing without a reason. The API
shows and judges pictures with it too, so it stands here and needs no OpenCV.
Size is judged from the header, before anything is decoded: 20 KB can hold 30,000 x 30,000 pixels.
Whatever the bytes, the outcome is an image or `InvalidScan`; a property test holds that.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from shared.errors import InvalidScan

FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
MIN_SIDE_PX = 32

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
    MemoryError,
    struct.error,
    zlib.error,
)

_TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_READ_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", *_TIFF_SIGNATURES, b"BM")
_OTHER_SIGNATURES = (b"GIF8", b"RIFF", b"8BPS", b"%PDF", b"PK\x03\x04", b"\x1f\x8b", b"\0\0\0\x0cjP", b"<svg")


def read_image(
    data: bytes, *, frame: int = 0, max_pixels: int, min_side_px: int = MIN_SIDE_PX
) -> npt.NDArray[np.uint8]:
    """Decode one picture to uint8 greyscale of shape (height, width), as stored.

    `frame` is the page of a multi-page TIFF. Data deeper than 8 bits is windowed once between its 0.5th and
    99.5th percentile; transparency lies on black; an EXIF orientation is ignored, so that a heatmap has the
    stored height and width. Raises InvalidScan: `empty_file`, `not_an_image`, `unsupported_format`,
    `truncated_image`, `image_too_small` (a side under `min_side_px`), `image_too_large` (over `max_pixels`).
    """
    with _opened(data) as image:
        _seek(image, frame)
        _check_size(image, max_pixels=max_pixels, min_side_px=min_side_px)
        try:
            return _greyscale(image)
        except _DAMAGED as error:
            raise InvalidScan(f"the image is damaged or cut short: {error}", code="truncated_image") from error


def count_frames(source: bytes | Path, *, limit: int = 10_000) -> int:
    """How many pictures a file holds: pages of a TIFF, else 1; counted up to `limit`, by their headers alone.

    Raises InvalidScan as `read_image` does for what cannot be opened.
    """
    if not _beginning(source).startswith(_TIFF_SIGNATURES):
        return 1
    with _opened(source) as image:
        pages = 1
        try:
            while pages < limit:
                image.seek(pages)
                pages += 1
        except (Image.DecompressionBombError, *_DAMAGED):
            return pages
        return pages


def _beginning(source: bytes | Path) -> bytes:
    if isinstance(source, bytes):
        return source[:4]
    with open(source, "rb") as file:
        return file.read(4)


@contextmanager
def _opened(source: bytes | Path) -> Iterator[Image.Image]:
    if source == b"":
        raise InvalidScan("the file is empty", code="empty_file")
    with warnings.catch_warnings():
        # Pillow warns of odd metadata and, past its own limit, of large pictures: ours is checked by the caller.
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)
        except Image.DecompressionBombError as error:
            raise InvalidScan("the image has too many pixels", code="image_too_large") from error
        except UnidentifiedImageError as error:
            raise _unidentified(source) from error
        except _DAMAGED as error:
            raise InvalidScan(f"the image is damaged or cut short: {error}", code="truncated_image") from error
        with image:
            yield image


def _unidentified(source: bytes | Path) -> InvalidScan:
    """Tell a known format that is not read, and a damaged header, from what is no image at all."""
    data = source if isinstance(source, bytes) else source.read_bytes()
    if data.startswith(_READ_SIGNATURES):
        return InvalidScan("the image is damaged or cut short in its header", code="truncated_image")
    known_elsewhere = data.startswith(_OTHER_SIGNATURES) or data[128:132] == b"DICM" or data[4:8] == b"ftyp"
    if known_elsewhere:
        return InvalidScan(f"the format is not read here; send one of {', '.join(FORMATS)}", code="unsupported_format")
    return InvalidScan("the file is not an image", code="not_an_image")


def _seek(image: Image.Image, frame: int) -> None:
    if frame == 0:
        return
    try:
        image.seek(frame)
    except Image.DecompressionBombError as error:
        raise InvalidScan("the image has too many pixels", code="image_too_large") from error
    except _DAMAGED as error:
        raise InvalidScan(f"the file has no readable picture {frame}", code="truncated_image") from error


def _check_size(image: Image.Image, *, max_pixels: int, min_side_px: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise InvalidScan(f"{width} x {height} pixels are more than the {max_pixels} allowed", code="image_too_large")
    if min(width, height) < min_side_px:
        raise InvalidScan(
            f"{width} x {height} pixels are too few: each side needs {min_side_px}", code="image_too_small"
        )


def _greyscale(image: Image.Image) -> npt.NDArray[np.uint8]:
    image.load()
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _window(np.asarray(image))
    if image.has_transparency_data:
        grey_alpha = np.asarray(image.convert("RGBA").convert("LA"), dtype=np.uint16)
        return np.asarray(grey_alpha[..., 0] * grey_alpha[..., 1] // 255, np.uint8)
    if image.mode in ("LAB", "HSV", "YCbCr", "CMYK", "P", "PA"):
        image = image.convert("RGB")
    return np.array(image.convert("L"), dtype=np.uint8)


def _window(values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """16-bit, 32-bit or float data (H, W) to uint8, the same in training and in serving."""
    deep = values.astype(np.float64)
    finite = deep[np.isfinite(deep)]
    if finite.size == 0:
        return np.zeros(deep.shape, np.uint8)
    low, high = np.percentile(finite, (0.5, 99.5))
    if not high > low or not np.isfinite(high - low):
        low, high = finite.min(), finite.max()
    if not high > low or not np.isfinite(high - low):
        return np.zeros(deep.shape, np.uint8)
    deep = np.nan_to_num(deep, nan=low, posinf=high, neginf=low)
    return np.asarray(np.rint(np.clip((deep - low) / (high - low), 0, 1) * 255), np.uint8)
