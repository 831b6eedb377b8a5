"""Of a DICOM file nothing is kept but its pixels and what is technical."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.encaps import encapsulate, generate_frames

from shared.coded_frames import MAX_SEGMENTS
from shared.dicom import open_dicom
from shared.dicom_copy import write_copy
from shared.dicom_elements import WANTED
from shared.errors import InvalidScan
from shared.images import count_frames, read_image
from tests.drawn_dicom import (
    CODINGS,
    FRAME_OF_REFERENCE,
    IMPLICIT,
    INSTANCE,
    SECRETS,
    SERIES,
    STUDY,
    coded,
    draw_dicom,
    enhanced_groups,
    jpeg_dicom,
)
from tests.unit.inference.phantoms import draw_head, encode

HEAD = draw_head(64, 72)
THREE = np.stack([HEAD, HEAD // 2, HEAD[::-1]]).astype(np.uint16) * 16
FILES = {
    "explicit": draw_dicom(HEAD, WindowCenter="100", WindowWidth="150"),
    "implicit": draw_dicom(HEAD, syntax=IMPLICIT),
    "odd": draw_dicom(HEAD[:63, :71]),
    "enhanced": draw_dicom(THREE, syntax=IMPLICIT, **enhanced_groups([(1000, 2000), (500, 900), (4, 8)], slope=0.5)),
    **{coding: coded(draw_dicom(THREE), coding) for coding in CODINGS},
}


def copy_of(data: bytes) -> bytes:
    out = io.BytesIO()
    write_copy(open_dicom(data), data, out)
    return out.getvalue()


@pytest.mark.parametrize("name", FILES)
def test_the_copy_shows_the_same_pictures_and_holds_no_secret(name: str) -> None:
    original = FILES[name]
    assert all(secret in original for secret in SECRETS)
    copy = copy_of(original)
    assert not any(secret in copy for secret in SECRETS)
    assert count_frames(copy) == count_frames(original)
    for frame in range(count_frames(original)):
        shown = read_image(copy, frame=frame, max_pixels=10_000)
        assert np.array_equal(shown, read_image(original, frame=frame, max_pixels=10_000))
    assert copy_of(copy) == copy


@pytest.mark.parametrize("name", FILES)
def test_the_copy_is_dicom_to_others_and_keeps_its_uids(name: str) -> None:
    dataset = pydicom.dcmread(io.BytesIO(copy_of(FILES[name])))
    assert dataset.StudyInstanceUID == STUDY
    assert dataset.SeriesInstanceUID == SERIES
    assert dataset.SOPInstanceUID == dataset.file_meta.MediaStorageSOPInstanceUID == INSTANCE
    assert dataset.FrameOfReferenceUID == FRAME_OF_REFERENCE
    assert dataset.RepetitionTime == 500.5
    assert dataset.PatientIdentityRemoved == "YES"
    assert np.array_equal(dataset.pixel_array, pydicom.dcmread(io.BytesIO(FILES[name])).pixel_array)
    found = {element.tag for element in dataset.iterall()}
    assert found <= {*WANTED, 0x00120062, 0x00120063, 0x7FE00010}


@pytest.mark.parametrize(
    "changes",
    [
        {"ImageType": ["ORIGINAL", "MUSTERFRAU", "PRIMARY"]},
        {"BurnedInAnnotation": "MUSTERFRAU"},
        {"VOILUTFunction": "MUSTERFRAU"},
    ],
)
def test_a_name_in_an_element_that_passes_does_not(changes: dict[str, Any]) -> None:
    data = draw_dicom(HEAD, **changes)
    assert b"MUSTERFRAU" in data
    assert b"MUSTERFRAU" not in copy_of(data)


def test_text_in_the_place_of_numbers_and_uids_does_not_pass() -> None:
    data = (
        draw_dicom(HEAD, SliceThickness="5.551234")
        .replace(b"5.551234", b"Erika M.")
        .replace(b"1.2.3.4.1", b"Erika Mus")
    )
    assert data.count(b"Erika M") == 2
    assert b"Erika" not in copy_of(data)


def test_what_stands_before_after_and_between_the_pixels_does_not_pass() -> None:
    data = draw_dicom(HEAD, PixelData=HEAD.tobytes() + b"Musterfrau")
    assert b"Musterfrau" not in copy_of(b"Musterfrau".ljust(128) + data[128:] + b"Musterfrau")
    comment = b"\xff\xfe\0\x0cMusterfrau"
    jpeg = encode(HEAD, "JPEG")
    data = jpeg_dicom(jpeg[:2] + comment + jpeg[2:] + b"Musterfrau", HEAD.shape)
    copy = copy_of(data)
    assert b"Musterfrau" not in copy
    assert np.array_equal(read_image(copy, max_pixels=10_000), read_image(data, max_pixels=10_000))


SECRET = b"Musterfrau"


def with_fragments(coding: str, change: Callable[[bytes], bytes]) -> bytes:
    """A file of one frame in that coding whose coded bytes were changed."""
    dataset = pydicom.dcmread(io.BytesIO(coded(draw_dicom(THREE[0]), coding)))
    (frame,) = generate_frames(dataset.PixelData, number_of_frames=1)
    dataset.PixelData = encapsulate([change(frame)], has_bot=False)
    dataset["PixelData"].is_undefined_length = True
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def commented_tile_part(codestream: bytes) -> bytes:
    """A JPEG 2000 with a comment in the header of its only tile-part, whose length is told."""
    comment = b"\xff\x64" + struct.pack(">HH", 4 + len(SECRET), 1) + SECRET
    at = codestream.index(b"\xff\x90")
    (size,) = struct.unpack_from(">L", codestream, at + 6)
    told = struct.pack(">L", size + len(comment) if size else 0)
    return codestream[: at + 6] + told + codestream[at + 10 : at + 12] + comment + codestream[at + 12 :]


@pytest.mark.parametrize(
    ("coding", "change"),
    [
        ("jpeg 2000", commented_tile_part),
        ("jpeg 2000", lambda frame: frame + SECRET),
        ("jpeg lossless", lambda frame: frame[:2] + b"\xff\xff\xfe\0\x0c" + SECRET + frame[2:]),
        ("jpeg lossless", lambda frame: frame + b"\xff\xd8\xff\xfe\0\x0c" + SECRET + b"\xff\xd9"),
        ("jpeg-ls", lambda frame: frame[:2] + b"\xff\xfe\0\x0c" + SECRET + frame[2:] + SECRET + b"\xff\xd9"),
        ("run lengths", lambda frame: frame + SECRET),
    ],
    ids=["tile-part", "after JPEG 2000", "filled up", "second JPEG", "JPEG-LS", "behind runs"],
)
def test_text_within_a_coded_frame_does_not_pass(coding: str, change: Callable[[bytes], bytes]) -> None:
    data = with_fragments(coding, change)
    assert SECRET in data
    copy = copy_of(data)
    assert SECRET not in copy
    plain = copy_of(with_fragments(coding, lambda frame: frame))
    assert np.array_equal(read_image(copy, max_pixels=10_000), read_image(plain, max_pixels=10_000))
    assert copy_of(copy) == copy


def test_text_between_the_scans_of_a_jpeg_and_before_filled_up_markers_does_not_pass() -> None:
    large = np.random.default_rng(0).integers(0, 256, (300, 300)).astype(np.uint8)
    jpeg = encode(large, "JPEG", progressive=True, quality=95)
    comment = b"\xff\xfe\0\x0c" + SECRET
    second_scan = jpeg.index(b"\xff\xda", jpeg.index(b"\xff\xda") + 2)
    changed = jpeg[:2] + b"\xff" + comment + jpeg[2:second_scan] + comment + jpeg[second_scan:]
    copy = copy_of(jpeg_dicom(changed, large.shape))
    assert SECRET not in copy
    assert np.array_equal(
        read_image(copy, max_pixels=100_000), read_image(jpeg_dicom(jpeg, large.shape), max_pixels=100_000)
    )


def test_an_overlay_above_the_stored_bits_does_not_pass() -> None:
    twelve: dict[str, Any] = {"BitsStored": 12, "HighBit": 11}
    overlaid = draw_dicom(THREE | np.uint16(0x1000) * (THREE > 100), **twelve)
    assert copy_of(overlaid) == copy_of(draw_dicom(THREE, **twelve))
    assert np.array_equal(read_image(overlaid, max_pixels=10_000), read_image(copy_of(overlaid), max_pixels=10_000))
    signed = draw_dicom(THREE.astype(np.int16) - 500, **twelve)
    assert np.array_equal(read_image(signed, max_pixels=10_000), read_image(copy_of(signed), max_pixels=10_000))


def test_a_number_of_too_many_digits_is_kept_in_fewer() -> None:
    """Converters write all digits of a double, which is more than the standard's sixteen."""
    long = {
        b"1.0000000000": b"2.4420024420024420",
        b"1.500000": b"-100.12345678912345",
    }
    data = draw_dicom(THREE[0], RescaleSlope="1.0000000000", ImagePositionPatient=["1.500000", "0", "5.5"])
    for short, digits in long.items():
        at = data.index(short)
        at -= 2
        (size,) = struct.unpack_from("<H", data, at)
        more = digits + b" " * ((size - len(short) + len(digits)) % 2)
        data = data[:at] + struct.pack("<H", size - len(short) + len(more)) + more + data[at + 2 + len(short) :]
    kept = pydicom.dcmread(io.BytesIO(copy_of(data)))
    assert float(kept.RescaleSlope) == pytest.approx(2.442002442)
    assert [float(value) for value in kept.ImagePositionPatient] == pytest.approx([-100.123457, 0, 5.5])


def test_of_many_windows_the_first_is_kept() -> None:
    data = draw_dicom(THREE[0], WindowCenter=[1000 + n for n in range(9)], WindowWidth=[2000 + n for n in range(9)])
    assert np.array_equal(read_image(data, max_pixels=10_000), read_image(copy_of(data), max_pixels=10_000))


def test_no_copy_is_made_of_what_is_refused() -> None:
    with pytest.raises(InvalidScan) as caught:
        copy_of(draw_dicom(HEAD, Modality="CT"))
    assert caught.value.code == "not_a_brain_mri"


def no_operations(frame: bytes, *, before_each_run: int) -> bytes:
    """The only segment of a frame of 8 bits, its first two runs behind bytes that make no pixel."""
    nothing, (at,) = b"\x80" * before_each_run, struct.unpack_from("<L", frame, 4)
    length = frame[at] + 2 if frame[at] < 128 else 2
    return frame[:at] + nothing + frame[at : at + length] + nothing + frame[at + length :]


def in_run_lengths(before_each_run: int) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(coded(draw_dicom(HEAD), "run lengths")))
    (frame,) = generate_frames(dataset.PixelData, number_of_frames=1)
    dataset.PixelData = encapsulate([no_operations(frame, before_each_run=before_each_run)], has_bot=False)
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def test_runs_that_make_no_pixel_are_bounded() -> None:
    """Each costs as much as one that does, and a file has room for a thousand times as many as a picture has pixels."""
    assert np.array_equal(
        read_image(copy_of(in_run_lengths(100)), max_pixels=10_000), read_image(draw_dicom(HEAD), max_pixels=10_000)
    )
    with pytest.raises(InvalidScan, match="far more bytes") as caught:
        copy_of(in_run_lengths(2 * HEAD.size))
    assert caught.value.code == "truncated_image"


EMPTY_J2K_COMMENT, EMPTY_JPEG_COMMENT = b"\xff\x64\0\2", b"\xff\xfe\0\2"


@pytest.mark.parametrize(
    ("coding", "change"),
    [
        ("jpeg lossless", lambda frame, count: frame[:2] + EMPTY_JPEG_COMMENT * count + frame[2:]),
        ("jpeg-ls", lambda frame, count: frame[:2] + EMPTY_JPEG_COMMENT * count + frame[2:]),
        ("jpeg 2000", lambda frame, count: frame.replace(b"\xff\x52", EMPTY_J2K_COMMENT * count + b"\xff\x52", 1)),
        ("jpeg 2000", lambda frame, count: frame.replace(b"\xff\x93", EMPTY_J2K_COMMENT * count + b"\xff\x93", 1)),
        ("jpeg 2000", lambda frame, count: empty_tile_parts(frame, count)),
    ],
    ids=["JPEG", "JPEG-LS", "main header", "tile-part's header", "tile-parts"],
)
def test_the_segments_of_a_frame_are_bounded(coding: str, change: Callable[[bytes, int], bytes]) -> None:
    copy_of(with_fragments(coding, lambda frame: change(frame, MAX_SEGMENTS // 2)))
    with pytest.raises(InvalidScan, match="segments") as caught:
        copy_of(with_fragments(coding, lambda frame: change(frame, MAX_SEGMENTS)))
    assert caught.value.code == "decode_limit"


def empty_tile_parts(codestream: bytes, count: int) -> bytes:
    at = codestream.index(b"\xff\x90")
    empty = b"\xff\x90" + struct.pack(">HHLBB", 10, 0, 14, 0, 0) + b"\xff\x93"
    return codestream[:at] + empty * count + codestream[at:]


@settings(max_examples=300)
@given(
    seed=st.sampled_from(sorted(FILES)),
    harm=st.lists(st.tuples(st.integers(128, 2500), st.integers(0, 255)), max_size=12),
)
def test_harmed_bytes_give_a_copy_or_a_reason(seed: str, harm: list[tuple[int, int]]) -> None:
    data = bytearray(FILES[seed])
    for at, value in harm:
        data[at % len(data)] = value
    try:
        copy = copy_of(bytes(data))
    except InvalidScan:
        return
    assert not any(secret in copy for secret in SECRETS)
