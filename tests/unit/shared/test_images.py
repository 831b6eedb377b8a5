"""Any bytes give an image or InvalidScan, never another error."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from shared.errors import InvalidScan
from shared.images import MIN_SIDE_PX, count_frames, read_image
from tests.unit.inference.phantoms import draw_head, encode

MAX_PIXELS = 1_000_000
HEAD = draw_head(64, 72)
GOOD_FILES = [encode(HEAD, name) for name in ("PNG", "JPEG", "TIFF", "BMP")]
GOOD_FILES.append(encode(HEAD, "TIFF", compression="tiff_lzw"))


def png_of_claimed_size(width: int, height: int) -> bytes:
    """A few bytes that claim to be a very large picture."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", zlib.compress(bytes(20_000))) + part(b"IEND", b"")
    )


def rejection(data: bytes, *, frame: int = 0) -> str:
    with pytest.raises(InvalidScan) as caught:
        read_image(data, frame=frame, max_pixels=MAX_PIXELS)
    return caught.value.code


@pytest.mark.parametrize("image_format", ["PNG", "TIFF", "BMP"])
def test_lossless_formats_give_the_stored_pixels(image_format: str) -> None:
    read = read_image(encode(HEAD, image_format), max_pixels=MAX_PIXELS)
    assert read.dtype == np.uint8
    assert np.array_equal(read, HEAD)


def test_jpeg_is_close_to_what_was_stored() -> None:
    read = read_image(encode(HEAD, "JPEG", quality=95), max_pixels=MAX_PIXELS)
    assert np.abs(read.astype(int) - HEAD).mean() < 3


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I", "F", "CMYK", "YCbCr"])
def test_every_colour_mode_becomes_grey(mode: str) -> None:
    if mode in ("I;16", "I", "F"):
        kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        picture = Image.fromarray(HEAD.astype(kind) * 100)
    else:
        picture = Image.fromarray(HEAD).convert(mode)
    read = read_image(encode(picture, "TIFF"), max_pixels=MAX_PIXELS)
    assert read.shape == HEAD.shape
    assert np.corrcoef(read.ravel(), HEAD.ravel())[0, 1] > (0.6 if mode == "1" else 0.85)  # one bit is dithered


def test_a_trace_of_colour_is_forgiven() -> None:
    tinted = np.stack([HEAD, HEAD, np.where(HEAD > 10, HEAD - 10, 0)], axis=-1).astype(np.uint8)
    assert read_image(encode(tinted, "JPEG"), max_pixels=MAX_PIXELS).shape == HEAD.shape


def test_transparent_pixels_are_black() -> None:
    picture = np.full((40, 40, 4), 200, np.uint8)
    picture[:20, :, 3] = 0
    picture[20:, :, 3] = 255
    read = read_image(encode(picture), max_pixels=MAX_PIXELS)
    assert (read[:20] == 0).all()
    assert (read[20:] == 200).all()


def test_values_that_are_no_numbers_do_not_spoil_the_rest() -> None:
    values = HEAD.astype(np.float32)
    values[0, :5] = np.nan
    values[1, :5] = np.inf
    read = read_image(encode(Image.fromarray(values), "TIFF"), max_pixels=MAX_PIXELS)
    assert np.corrcoef(read[2:].ravel(), HEAD[2:].ravel())[0, 1] > 0.99


def test_orientation_is_ignored_so_that_heatmap_and_file_agree() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    assert read_image(encode(HEAD, "JPEG", exif=exif), max_pixels=MAX_PIXELS).shape == HEAD.shape


def test_pages_of_a_tiff_are_told_apart() -> None:
    first, second = Image.fromarray(HEAD), Image.fromarray(255 - HEAD)
    data = encode(first, "TIFF", save_all=True, append_images=[second])
    assert count_frames(data) == 2
    assert np.array_equal(read_image(data, frame=1, max_pixels=MAX_PIXELS), 255 - HEAD)
    assert rejection(data, frame=2) == "truncated_image"


def test_a_picture_is_one_frame() -> None:
    assert [count_frames(data) for data in GOOD_FILES] == [1] * len(GOOD_FILES)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"not a picture", "not_an_image"),
        (bytes(1000), "not_an_image"),
        (b"GIF89a" + bytes(50), "unsupported_format"),
        (bytes(128) + b"DICM" + bytes(50), "truncated_image"),
        (b"%PDF-1.7", "unsupported_format"),
        (GOOD_FILES[0][:20], "truncated_image"),
        (GOOD_FILES[0][: len(GOOD_FILES[0]) // 2], "truncated_image"),
        (GOOD_FILES[1][: len(GOOD_FILES[1]) // 2], "truncated_image"),
        (GOOD_FILES[2][: len(GOOD_FILES[2]) // 2], "truncated_image"),
        (GOOD_FILES[3][: len(GOOD_FILES[3]) // 2], "truncated_image"),
        (encode(np.zeros((1, 1), np.uint8)), "image_too_small"),
        (encode(np.zeros((MIN_SIDE_PX - 1, 300), np.uint8)), "image_too_small"),
        (encode(np.full((40, 40, 3), (90, 60, 60), np.uint8)), "not_a_brain_mri"),
        (encode(np.full((40, 40, 4), (90, 60, 60, 255), np.uint8)), "not_a_brain_mri"),
        (png_of_claimed_size(30_000, 30_000), "image_too_large"),
        (png_of_claimed_size(1_000, 1_001), "image_too_large"),
        (png_of_claimed_size(10_000, 10_000), "image_too_large"),
    ],
)
def test_bad_files_have_their_own_code(data: bytes, code: str) -> None:
    assert rejection(data) == code


@given(st.binary(max_size=400))
def test_any_bytes_give_an_image_or_invalid_scan(data: bytes) -> None:
    _image_or_invalid_scan(data)


@given(
    st.sampled_from(GOOD_FILES),
    st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 255)), min_size=1, max_size=12),
    st.integers(0, 5_000),
)
@settings(max_examples=300)
def test_damaged_files_give_an_image_or_invalid_scan(good: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(good)
    for at, value in changes:
        data[at % min(len(data), 200)] = value  # most of what a parser reads stands at the front
    _image_or_invalid_scan(bytes(data[: len(data) - cut % 64]))


SMALL = Image.fromarray(draw_head(40, 32))
SMALL_FILES = {
    "png": encode(SMALL),
    "png-16": encode(Image.fromarray(np.asarray(SMALL).astype(np.uint16) * 200)),
    "png-interlaced-palette": encode(SMALL.convert("P"), transparency=0),
    "jpeg": encode(SMALL, "JPEG"),
    "jpeg-progressive": encode(SMALL.convert("RGB"), "JPEG", progressive=True),
    "tiff": encode(SMALL, "TIFF"),
    "tiff-lzw": encode(SMALL, "TIFF", compression="tiff_lzw"),
    "tiff-deflate": encode(SMALL, "TIFF", compression="tiff_adobe_deflate"),
    "tiff-jpeg": encode(SMALL, "TIFF", compression="jpeg"),
    "tiff-packbits": encode(SMALL, "TIFF", compression="packbits"),
    "bmp": encode(SMALL, "BMP"),
}


@pytest.mark.parametrize("name", SMALL_FILES)
def test_a_file_cut_at_any_byte_is_rejected_or_whole(name: str) -> None:
    """No half picture passes for a whole one: where a cut file is read, it lacks nothing but what stands behind."""
    data = SMALL_FILES[name]
    whole = read_image(data, max_pixels=MAX_PIXELS)
    for cut in range(len(data)):
        outcome = _outcome(data[:cut])
        if isinstance(outcome, str):
            assert outcome in {"empty_file", "not_an_image", "truncated_image", "image_too_small"}, cut
        else:
            assert np.array_equal(outcome, whole), cut


def _outcome(data: bytes) -> np.ndarray | str:
    try:
        return read_image(data, max_pixels=MAX_PIXELS)
    except InvalidScan as error:
        return error.code


def _image_or_invalid_scan(data: bytes) -> None:
    try:
        count_frames(data)
        read = read_image(data, max_pixels=MAX_PIXELS)
    except InvalidScan:
        return
    assert read.dtype == np.uint8
    assert read.ndim == 2


def tiff(values: np.ndarray, **tags: int) -> bytes:
    out = io.BytesIO()
    directory = ImageFileDirectory_v2()
    for name, value in tags.items():
        directory[{"photometric": 262, "sample_format": 339}[name]] = value
    Image.fromarray(values).save(out, "TIFF", tiffinfo=directory)
    return out.getvalue()


RAMP = np.linspace(0, 4095, 64 * 64).reshape(64, 64)


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_a_deep_tiff_whose_zero_is_white_is_turned_round(kind: type) -> None:
    """As Pillow does with 8 bits."""
    values: np.ndarray = RAMP.astype(kind)
    plain, turned = (read_image(tiff(values, photometric=said), max_pixels=10_000) for said in (1, 0))
    assert plain[0, 0] < 10 < 245 < plain[-1, -1]
    assert np.abs(255 - plain.astype(int) - turned).max() <= 1


def test_tiff_values_are_as_signed_as_they_say() -> None:
    large = (RAMP * 1_000_000).astype(np.uint32)
    unsigned = tiff(large.view(np.int32)).replace(
        struct.pack("<HHLHH", 339, 3, 1, 2, 0), struct.pack("<HHLHH", 339, 3, 1, 1, 0)
    )
    signed = tiff((RAMP / 16 - 128).astype(np.int8).view(np.uint8), sample_format=2)
    for data in (unsigned, signed):
        shown = read_image(data, max_pixels=10_000).astype(int)
        assert (np.diff(shown.ravel()) >= 0).all()
        assert shown[0, 0] == 0
        assert shown[-1, -1] == 255


@pytest.mark.parametrize("channels", [b"\x04", b"\x02", b"\x06"], ids=["grey and alpha", "colour", "colour and alpha"])
def test_sixteen_bits_a_channel_are_refused_where_half_of_them_would_be_lost(channels: bytes) -> None:
    samples = {b"\x04": 2, b"\x02": 3, b"\x06": 4}[channels]
    row = b"\0" + np.repeat(RAMP[0].astype(">u2"), samples).tobytes()
    with pytest.raises(InvalidScan, match="send 16-bit grey") as refused:
        read_image(png_of(channels, row * 64), max_pixels=10_000)
    assert refused.value.code == "unsupported_format"


def png_of(colour_type: bytes, rows: bytes) -> bytes:
    def part(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))

    header = struct.pack(">LLB", 64, 64, 16) + colour_type + b"\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")
