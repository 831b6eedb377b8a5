"""DICOM files are read like pictures: what they say of their values is heeded, what they claim is checked."""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.pixels.processing import apply_windowing

from shared.decoder import Decoder
from shared.errors import InvalidScan
from shared.images import count_frames, read_image
from shared.settings import Settings
from shared.windowing import between_percentiles
from tests.drawn_dicom import CODINGS, EXPLICIT, IMPLICIT, coded, draw_dicom, enhanced_groups, jpeg_dicom
from tests.unit.inference.phantoms import draw_head, encode

MAX_PIXELS = 1_000_000
HEAD = draw_head(64, 72)
DEEP = HEAD.astype(np.uint16) * 257
WHOLE_RANGE: dict[str, Any] = {"WindowCenter": "128", "WindowWidth": "256"}


def read(data: bytes, *, frame: int = 0) -> npt.NDArray[np.int64]:
    return read_image(data, frame=frame, max_pixels=MAX_PIXELS).astype(np.int64)


def rejection(data: bytes, *, frame: int = 0) -> InvalidScan:
    with pytest.raises(InvalidScan) as caught:
        read(data, frame=frame)
    return caught.value


@pytest.mark.parametrize("window", [{}, WHOLE_RANGE])
def test_one_slice_is_the_same_in_8_bits_in_16_and_inverted(window: dict[str, Any]) -> None:
    deep_window = {"WindowCenter": "32896", "WindowWidth": "65792"} if window else {}
    eight = read(draw_dicom(HEAD, **window))
    deep = read(draw_dicom(DEEP, **deep_window))
    twelve = read(draw_dicom(HEAD.astype(np.uint16) * 16, BitsStored=12, HighBit=11)) if not window else eight
    inverted = read(draw_dicom(255 - HEAD, PhotometricInterpretation="MONOCHROME1", **window))
    deep_inverted = read(draw_dicom(65535 - DEEP, PhotometricInterpretation="MONOCHROME1", **deep_window))
    for other in (deep, twelve, inverted, deep_inverted):
        assert np.abs(other - eight).max() <= 1


def test_a_window_that_spans_all_values_gives_the_stored_pixels() -> None:
    assert np.array_equal(read(draw_dicom(HEAD, **WHOLE_RANGE)), HEAD)
    assert np.array_equal(read(draw_dicom(HEAD, syntax=IMPLICIT, **WHOLE_RANGE)), HEAD)


def test_without_a_window_values_lie_between_their_percentiles_as_in_training() -> None:
    assert np.array_equal(read(draw_dicom(DEEP)), between_percentiles(DEEP))
    assert np.array_equal(read(draw_dicom(DEEP)), read(encode(DEEP, "PNG")))


@pytest.mark.parametrize("width", ["0", "-5", "nan", "1e999", "wide", ""])
def test_a_window_of_no_width_is_none(width: str) -> None:
    data = draw_dicom(DEEP, WindowCenter="100", WindowWidth="55555")
    spoilt = data.replace(b"55555 ", width.encode().ljust(6))
    assert np.array_equal(read(spoilt), between_percentiles(DEEP))


def test_values_are_rescaled_before_they_are_windowed() -> None:
    signed = HEAD.astype(np.int16) - 128
    data = draw_dicom(signed, RescaleSlope="2", RescaleIntercept="256", WindowCenter="256", WindowWidth="512")
    assert np.abs(read(data) - HEAD).max() <= 1


def test_the_functions_of_a_window_are_those_of_the_standard() -> None:
    exact = read(draw_dicom(HEAD, WindowCenter="127.5", WindowWidth="255", VOILUTFunction="LINEAR_EXACT"))
    assert np.array_equal(exact, HEAD)
    sigmoid = read(draw_dicom(HEAD, WindowCenter="128", WindowWidth="256", VOILUTFunction="SIGMOID"))
    assert np.array_equal(sigmoid, np.rint(255 / (1 + np.exp(-4 * (HEAD - 128.0) / 256))))


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("pixels", [HEAD, DEEP, DEEP.astype(np.int32).astype(np.int16)], ids=["8", "16", "signed"])
def test_compressed_pixels_are_those_that_were_stored(coding: str, pixels: npt.NDArray[Any]) -> None:
    plain = draw_dicom(pixels)
    assert np.array_equal(read(coded(plain, coding)), read(plain))


@pytest.mark.parametrize("coding", ["jpeg lossless", "jpeg 2000", "jpeg-ls"])
def test_12_of_16_bits_survive_compression(coding: str) -> None:
    plain = draw_dicom(HEAD.astype(np.uint16) * 16, BitsStored=12, HighBit=11)
    assert np.array_equal(read(coded(plain, coding)), read(plain))


def test_a_lossy_jpeg_is_read() -> None:
    data = jpeg_dicom(encode(HEAD, "JPEG", quality=95), HEAD.shape, **WHOLE_RANGE)
    assert np.abs(read(data) - HEAD).mean() < 3


@pytest.mark.parametrize("coding", [None, *CODINGS])
def test_each_frame_is_a_picture(coding: str | None) -> None:
    data = draw_dicom(np.stack([HEAD, HEAD // 2, HEAD[::-1]]), **WHOLE_RANGE)
    data = coded(data, coding) if coding else data
    assert count_frames(data) == 3
    for frame, expected in enumerate((HEAD, HEAD // 2, HEAD[::-1])):
        assert np.array_equal(read(data, frame=frame), expected)
    assert rejection(data, frame=3).code == "truncated_image"


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_each_frame_has_the_window_of_its_own_group(syntax: str) -> None:
    frames = np.stack([HEAD // 2, HEAD // 2])
    data = draw_dicom(frames, syntax=syntax, **enhanced_groups([(128, 256), (64, 129)], slope=2.0))
    assert np.abs(read(data, frame=0) - HEAD // 2 * 2).max() <= 1
    assert read(data, frame=1).mean() > 1.2 * read(data, frame=0).mean()


def test_what_stands_above_the_stored_bits_is_no_part_of_the_picture() -> None:
    values = HEAD.astype(np.uint16) * 16
    clean = read(draw_dicom(values, BitsStored=12, HighBit=11))
    assert np.array_equal(read(draw_dicom(values | 0x8000, BitsStored=12, HighBit=11)), clean)


@pytest.mark.parametrize(
    ("modality", "named"),
    [("CT", "CT (computed tomography)"), ("CR", "CR (computed radiography)"), ("ERIKA", "unknown")],
)
def test_another_modality_is_turned_away_by_name(modality: str, named: str) -> None:
    error = rejection(draw_dicom(HEAD, Modality=modality))
    assert error.code == "not_a_brain_mri"
    assert named in error.message
    assert "ERIKA" not in error.message


def test_a_file_without_a_modality_is_turned_away() -> None:
    assert rejection(draw_dicom(HEAD, Modality=None)).code == "not_a_brain_mri"


def test_a_mosaic_is_turned_away() -> None:
    assert rejection(draw_dicom(HEAD, ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"])).code == "mosaic"


def test_real_mosaics_are_turned_away(datasets: Path) -> None:
    found = {path.name: rejection(path.read_bytes()).code for path in sorted(datasets.glob("volumes/*.dcm"))}
    assert len(found) == 4
    assert set(found.values()) == {"mosaic"}


def test_a_real_jpeg_lossless_file_is_decoded(datasets: Path) -> None:
    data = (datasets / "volumes" / "siemens-jpeg.dcm").read_bytes()
    assert read(data.replace(b"\\MOSAIC", b"\\OTHER ", 1)).shape == (516, 516)


def test_colour_is_turned_away() -> None:
    assert rejection(draw_dicom(HEAD, PhotometricInterpretation="PALETTE COLOR")).code == "not_a_brain_mri"
    assert rejection(draw_dicom(HEAD, SamplesPerPixel=3)).code == "not_a_brain_mri"


def test_size_is_judged_by_the_header() -> None:
    black = np.zeros((8, 8), np.uint8)
    assert rejection(draw_dicom(np.zeros((1001, 1000), np.uint8))).code == "image_too_large"
    coded_bomb = jpeg_dicom(encode(HEAD, "JPEG"), HEAD.shape, Rows=30_000, Columns=30_000)
    assert rejection(coded_bomb).code == "image_too_large"
    assert rejection(draw_dicom(black)).code == "image_too_small"
    assert rejection(draw_dicom(np.zeros((32, 200), np.uint8))).code == "image_too_narrow"


@pytest.mark.parametrize(
    "changes",
    [
        {"Rows": 60_000},
        {"NumberOfFrames": 999_999_999},
        {"NumberOfFrames": 2},
        {"NumberOfFrames": 0},
        {"Rows": 0},
        {"Columns": None},
        {"BitsStored": 0},
        {"BitsStored": 9},
        {"PixelData": None},
        {"PhotometricInterpretation": None},
    ],
)
def test_claims_that_do_not_hold_are_damage(changes: dict[str, Any]) -> None:
    data = draw_dicom(HEAD, **changes)
    assert rejection(data).code == "truncated_image"
    assert count_frames(data) == 1


@pytest.mark.parametrize("name", ["MR_small_bigendian.dcm", "image_dfl.dcm"])
def test_a_transfer_syntax_that_is_not_read_is_told(name: str) -> None:
    assert rejection(Path(str(get_testdata_file(name))).read_bytes()).code == "unsupported_format"


@pytest.mark.parametrize("kind", ["", "_implicit", "_RLE", "_jp2klossless", "_jpeg_ls_lossless"])
def test_files_of_others_are_read_as_pydicom_reads_them(kind: str) -> None:
    path = Path(str(get_testdata_file(f"MR_small{kind}.dcm")))
    dataset = pydicom.dcmread(path)
    expected = apply_windowing(dataset.pixel_array, dataset) * 255 / (2**dataset.BitsStored - 1)
    if dataset.PixelRepresentation:
        expected += 255 * 2 ** (dataset.BitsStored - 1) / (2**dataset.BitsStored - 1)
    assert np.abs(read(path.read_bytes()) - expected).max() <= 1


def test_a_file_cut_anywhere_is_damaged() -> None:
    for data in (draw_dicom(HEAD[:40, :40]), coded(draw_dicom(DEEP[:40, :40]), "jpeg lossless")):
        for end in [*range(140, 1000, 7), *range(1000, len(data) - 2, 61)]:
            with pytest.raises(InvalidScan) as caught:
                read(data[:end])
            # Where no modality was read before the cut, that is the reason.
            assert caught.value.code in ("truncated_image", "not_a_brain_mri")


def test_a_header_of_endless_elements_or_depth_is_refused() -> None:
    start = draw_dicom(HEAD)[:132] + struct.pack("<HH2sH", 2, 0x10, b"UI", 20) + b"1.2.840.10008.1.2.1\0"
    assert rejection(start + struct.pack("<HH2sH", 8, 1, b"CS", 0) * 300_000).code == "decode_limit"
    nested = struct.pack("<HH2sxxL", 8, 0x1140, b"SQ", 0xFFFFFFFF) + struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    assert rejection(start + nested * 1000).code == "truncated_image"


def test_a_file_without_preamble_is_known_by_its_first_element() -> None:
    for syntax in (EXPLICIT, IMPLICIT):
        data = draw_dicom(HEAD, syntax=syntax, **WHOLE_RANGE)
        assert np.array_equal(read(data[132:]), HEAD)
        length = struct.unpack_from("<L", data, 140)[0]
        assert np.array_equal(read(data[144 + length :]), HEAD)


SEEDS = [draw_dicom(HEAD), draw_dicom(HEAD, syntax=IMPLICIT, **enhanced_groups([(1, 2)]))]
SEEDS += [coded(draw_dicom(DEEP), coding) for coding in ("run lengths",)]


@settings(max_examples=300)
@given(seed=st.sampled_from(SEEDS), harm=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=12))
def test_harmed_bytes_give_an_image_or_a_reason(seed: bytes, harm: list[tuple[int, int]]) -> None:
    data = bytearray(seed)
    for at, value in harm:
        data[at % len(data)] = value
    with suppress(InvalidScan):
        assert read_image(bytes(data), max_pixels=MAX_PIXELS).dtype == np.uint8


def test_a_damaged_stream_harms_the_limited_process_alone() -> None:
    good = coded(draw_dicom(DEEP), "jpeg lossless")
    bad = bytearray(good)
    at = good.index(b"\xff\xd8\xff")
    bad[at + 2 : at + 40] = b"\xff" * 38
    charls = coded(draw_dicom(DEEP), "jpeg-ls")
    claims = charls.index(b"\xff\xf7") + 5
    bomb = charls[:claims] + b"\xea\x60\xea\x60" + charls[claims + 4 :]  # 60,000 x 60,000
    with Decoder(Settings()) as decoder:
        damaged, crashed, whole = (
            opened.image for opened in decoder.read_each([(bytes(bad), 0), (bomb, 0), (good, 0)])
        )
    assert isinstance(damaged, InvalidScan)
    assert isinstance(crashed, InvalidScan)
    assert isinstance(whole, np.ndarray)
    assert np.array_equal(whole, read(good))
