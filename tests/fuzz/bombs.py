"""Small files that cost a naive reader gigabytes or minutes, each made by a few lines; nothing of it is stored.

`BOMBS` names a maker for each. `large=True` makes one as bad as the default limits let it be (up to 64 MiB); otherwise
a small file of the same kind, which is enough for a test with lower limits.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

MIB = 1024 * 1024
_SIDE = 4096


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed_zeros(size_bytes: int) -> bytes:
    """A zlib stream of that many zeros: a thousandth of it."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(bytes(min(MIB, size_bytes - at))) for at in range(0, size_bytes, MIB)]
    return b"".join(parts) + packer.flush()


def png(
    width: int, height: int, *, depth: int = 8, colour: int = 0, before: bytes = b"", after: bytes = b"", rows: int = -1
) -> bytes:
    """A black PNG, of which `rows` rows are there; `before` and `after` are chunks around its pixels."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = 1 + width * channels * depth // 8
    pixels = packed_zeros(row * (height if rows < 0 else rows))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = (png_chunk(b"IHDR", header), before, png_chunk(b"IDAT", pixels), after, png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(pages: list[list[tuple[int, int, int, bytes]]], *, last_next: int = 0, data: bytes = b"") -> bytes:
    """A little-endian TIFF of pages given as entries (tag, type, count, value); `data` stands at offset 8."""
    out = bytearray(b"II*\0" + struct.pack("<L", 8 + len(data)) + data)
    for number, entries in enumerate(pages):
        at = len(out)
        values_at = at + 2 + 12 * len(entries) + 4
        table, values = bytearray(struct.pack("<H", len(entries))), bytearray()
        for tag, kind, count, value in sorted(entries):
            if len(value) > 4:
                table += struct.pack("<HHLL", tag, kind, count, values_at + len(values))
                values += value
            else:
                table += struct.pack("<HHL", tag, kind, count) + value.ljust(4, b"\0")
        last = number == len(pages) - 1
        table += struct.pack("<L", last_next if last else values_at + len(values))
        out += table + values
    return bytes(out)


def short(tag: int, *values: int) -> tuple[int, int, int, bytes]:
    return tag, 3, len(values), struct.pack(f"<{len(values)}H", *values)


def long(tag: int, *values: int) -> tuple[int, int, int, bytes]:
    return tag, 4, len(values), struct.pack(f"<{len(values)}L", *values)


def grey_page(side: int = 64, *, at: int = 8) -> list[tuple[int, int, int, bytes]]:
    """A page of 8-bit grey pixels that stand uncompressed at `at`."""
    sizes = [long(256, side), long(257, side), short(258, 8), short(259, 1), short(262, 1)]
    return [*sizes, long(273, at), long(278, side), long(279, side * side)]


def _encoded(picture: Image.Image, name: str, **options: object) -> bytes:
    encoded = io.BytesIO()
    picture.save(encoded, name, **options)
    return encoded.getvalue()


def _noise(side: int, *, channels: int = 1) -> Image.Image:
    shape = (side, side) if channels == 1 else (side, side, channels)
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def png_claims_a_billion_pixels(*, large: bool) -> bytes:
    return png(32_000, 32_000, rows=40)


def png_one_by_a_million(*, large: bool) -> bytes:
    return png(1, 1_000_000)


def png_16_bit(*, large: bool) -> bytes:
    return png(_SIDE if large else 256, _SIDE if large else 256, depth=16)


def png_transparent(*, large: bool) -> bytes:
    return png(_SIDE if large else 256, _SIDE if large else 256, colour=6)


def png_idat_after_the_picture(*, large: bool) -> bytes:
    return png(64, 64, rows=64 * (250_000 if large else 1_000))


def png_text(*, large: bool) -> bytes:
    packed = zlib.compress(bytes(MIB - 1), 9)
    chunk = png_chunk(b"zTXt", b"k\0\0" + packed) + png_chunk(b"iTXt", b"k\0\1\0\0\0" + packed)
    return png(64, 64, before=chunk * (32 if large else 8), after=chunk * 8)


def png_text_too_large(*, large: bool) -> bytes:
    return png(64, 64, before=png_chunk(b"zTXt", b"k\0\0" + packed_zeros((500 if large else 8) * MIB)))


def png_profile(*, large: bool) -> bytes:
    return png(64, 64, before=png_chunk(b"iCCP", b"k\0\0" + packed_zeros((500 if large else 8) * MIB)))


def png_many_chunks(*, large: bool) -> bytes:
    return png(64, 64, before=png_chunk(b"vpAg", b"") * (60 * MIB // 12 if large else 60_000))


def png_many_chunks_behind(*, large: bool) -> bytes:
    return png(64, 64, after=png_chunk(b"tEXt", b"k\0") * (60 * MIB // 14 if large else 60_000))


def apng_many_frames(*, large: bool) -> bytes:
    frames = 1_000_000 if large else 20_000
    control = png_chunk(b"acTL", struct.pack(">II", frames, 0))
    frame = png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 64, 64, 0, 0, 1, 1, 0, 0))
    return png(64, 64, before=control + frame, after=frame * frames)


def jpeg_many_scans(*, large: bool) -> bytes:
    """A progressive JPEG whose last scan, a few bytes over all its blocks, comes again and again."""
    side = _SIDE if large else 256
    data = _encoded(Image.new("L", (side, side), 128), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    scan = data[last : data.rindex(b"\xff\xd9")]
    return data[:last] + scan * (20_000 if large else 2_000) + b"\xff\xd9"


def jpeg_many_segments(*, large: bool) -> bytes:
    data = _encoded(Image.new("L", (64, 64)), "JPEG")
    return data[:2] + b"\xff\xfe\0\2" * (60 * MIB // 4 if large else 60_000) + data[2:]


def jpeg_many_exif_segments(*, large: bool) -> bytes:
    data = _encoded(Image.new("L", (64, 64)), "JPEG")
    segment = b"\xff\xe1\xff\xff" + b"Exif\0\0" + bytes(65_527)
    return data[:2] + segment * (1_000 if large else 20) + data[2:]


def jpeg_progressive_colour(*, large: bool) -> bytes:
    return _encoded(_noise(_SIDE if large else 256, channels=3), "JPEG", progressive=True, quality=40, subsampling=0)


def jpeg_cmyk(*, large: bool) -> bytes:
    picture = Image.merge("CMYK", [_noise(_SIDE if large else 256)] * 4)
    return _encoded(picture, "JPEG", progressive=True, quality=40, subsampling=0)


def jpeg_claims_65500(*, large: bool) -> bytes:
    data = bytearray(_encoded(Image.new("L", (64, 64)), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 65_500, 65_500)
    return bytes(data)


def tiff_deflate(*, large: bool) -> bytes:
    return _encoded(Image.new("L", (_SIDE if large else 256,) * 2), "TIFF", compression="tiff_adobe_deflate")


def tiff_lzw_colour(*, large: bool) -> bytes:
    return _encoded(Image.new("RGBA", (_SIDE if large else 256,) * 2), "TIFF", compression="tiff_lzw")


def tiff_float(*, large: bool) -> bytes:
    return _encoded(Image.new("F", (_SIDE if large else 256,) * 2), "TIFF", compression="tiff_adobe_deflate")


def tiff_huge_tile(*, large: bool) -> bytes:
    """A picture of 64 x 64 whose one tile is said to be gigantic, and packed is small."""
    side = 30_000 if large else 4_096
    packed = packed_zeros(side * side)
    page = [long(256, 64), long(257, 64), short(258, 8), short(259, 8), short(262, 1), short(277, 1)]
    return tiff([[*page, long(322, side), long(323, side), long(324, 8), long(325, len(packed))]], data=packed)


def tiff_many_strips(*, large: bool) -> bytes:
    count = 15 * MIB if large else 400_000
    page = [short(258, 8), short(259, 1), short(262, 1), long(256, 64), long(257, 64), long(278, 1)]
    return tiff([[*page, (273, 4, count, struct.pack("<L", 8) * count)]], data=bytes(64))


def tiff_many_bits(*, large: bool) -> bytes:
    """BitsPerSample of millions of values."""
    count = 30 * MIB if large else 400_000
    page = [entry for entry in grey_page() if entry[0] != 258]
    return tiff([[*page, (258, 3, count, b"\x10\x27" * count)]], data=bytes(64 * 64))


def tiff_cycle(*, large: bool) -> bytes:
    data = bytes(64 * 64)
    return tiff([grey_page()] * 3, last_next=8 + len(data), data=data)


def tiff_self(*, large: bool) -> bytes:
    """Its only directory follows itself."""
    data = bytes(64 * 64)
    return tiff([grey_page()], last_next=8 + len(data), data=data)


def tiff_many_pages(*, large: bool) -> bytes:
    return tiff([grey_page()] * (500_000 if large else 5_000), data=bytes(64 * 64))


def tiff_many_tags(*, large: bool) -> bytes:
    """Pages whose directories hold as many entries as a directory can."""
    filler = [(40_000 + n % 20_000, 3, 1, b"\1\0") for n in range(65_000)]
    return tiff([grey_page() + filler] * (80 if large else 4), data=bytes(64 * 64))


def bmp_runs(*, large: bool) -> bytes:
    """Run-length coded pixels that are nothing but ends of lines, which add none."""
    head = struct.pack("<2sIHHI", b"BM", 0, 0, 0, 54 + 1024)
    info = struct.pack("<IiiHHIIiiII", 40, 64, 64, 1, 8, 1, 0, 0, 0, 0, 0)
    return head + info + bytes(1024) + b"\0\0" * (30 * MIB if large else 100_000)


def bmp_large_runs(*, large: bool) -> bytes:
    side = _SIDE if large else 256
    head = struct.pack("<2sIHHI", b"BM", 0, 0, 0, 54 + 1024)
    info = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, 0, 0, 0, 0, 0)
    return head + info + bytes(1024) + b"\1\7" * (side * side) + b"\0\1"


def bmp_claims(*, large: bool) -> bytes:
    head = struct.pack("<2sIHHI", b"BM", 0, 0, 0, 54)
    return head + struct.pack("<IiiHHIIiiII", 40, 2**31 - 1, -(2**31), 1, 24, 0, 0, 0, 0, 0, 0)


BOMBS: dict[str, Callable[..., bytes]] = {
    name: maker
    for name, maker in list(globals().items())
    if callable(maker) and name.split("_")[0] in {"png", "apng", "jpeg", "tiff", "bmp"} and "_" in name
    if name not in {"png_chunk"}
}
