"""NIfTI headers are judged before their voxels take room, and copies hold voxels and nothing else."""

from __future__ import annotations

import gzip
import io
import struct
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import nifti_copy
from shared.errors import InvalidScan
from shared.gunzip import unpacked
from shared.images import count_frames, read_image
from shared.nifti import VOXELS, read_header
from shared.nifti_axes import arrangement
from shared.packed_volume import readable
from shared.windowing import between, window_of
from tests.drawn_nifti import SECRETS, draw_head_volume, draw_nifti

MANY = 1 << 26
HEAD = draw_head_volume()


def copy_of(data: bytes) -> bytes:
    out = io.BytesIO()
    nifti_copy.write_copy(data, out)
    return out.getvalue()


def as_nibabel_sees(data: bytes) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    image = nib.as_closest_canonical(nib.Nifti1Image.from_bytes(data))
    return np.asanyarray(image.dataobj), np.asarray(image.affine)


def code_of(data: bytes, *, max_volume_bytes: int = MANY) -> str:
    with pytest.raises(InvalidScan) as caught:
        readable(data, max_volume_bytes=max_volume_bytes)
    return caught.value.code


@pytest.mark.parametrize("kind", sorted(VOXELS.values()))
def test_a_copy_holds_the_same_voxels_in_the_same_places(kind: str) -> None:
    voxels = np.arange(33 * 40 * 3).reshape(33, 40, 3).astype(kind)
    tilted = np.array([[0.1, -2, 0, 5], [1, 0.1, 0, -7], [0, 0, -4, 1], [0, 0, 0, 1]], np.float64)
    data = draw_nifti(voxels, affine=tilted)
    (kept, at), (given_voxels, given_at) = as_nibabel_sees(copy_of(data)), as_nibabel_sees(data)
    assert np.array_equal(kept, given_voxels)
    assert np.allclose(at[:3, :3], given_at[:3, :3], atol=1e-5)


def test_nothing_but_voxels_and_shape_passes() -> None:
    for data in (draw_nifti(HEAD), draw_nifti(HEAD, kind=nib.Nifti2Image)):
        assert [secret for secret in SECRETS if secret in data] != []
        copy = copy_of(data)
        assert [secret for secret in SECRETS if secret in copy] == []
        header = nib.Nifti1Image.from_bytes(copy).header
        texts = [bytes(header[name]).strip(b"\0") for name in ("descrip", "aux_file", "intent_name", "db_name")]
        assert texts == [b"", b"", b"neurobatch", b""]
        assert not header.extensions
        assert len(copy) == 352 + HEAD.nbytes


def test_both_versions_orders_and_packings_are_the_same_pictures() -> None:
    swapped = nib.Nifti1Image(HEAD, np.diag([1.0, 1.0, 4.0, 1.0]), nib.Nifti1Header(endianness=">"))
    big = nib.Nifti1Image(HEAD.astype(">u2"), np.diag([1.0, 1.0, 4.0, 1.0]), swapped.header).to_bytes()
    assert big[:4] == struct.pack(">i", 348)
    plain = draw_nifti(HEAD)
    blocks = b"".join(gzip.compress(plain[at : at + 9000]) for at in range(0, len(plain), 9000))
    for data in (plain, draw_nifti(HEAD, kind=nib.Nifti2Image), big, gzip.compress(plain), blocks):
        ready = readable(data, max_volume_bytes=MANY)
        for frame in range(6):
            expected = read_image(plain, frame=frame, max_pixels=MANY)
            assert np.array_equal(read_image(ready, frame=frame, max_pixels=MANY), expected)


def test_a_volume_is_windowed_as_a_whole() -> None:
    ready = readable(draw_nifti(HEAD), max_volume_bytes=MANY)
    above = HEAD[HEAD.astype(int) > int(HEAD.min())]
    black, white = np.percentile(HEAD, 0.5), np.percentile(above, 99.5)
    whole = between(HEAD.astype(np.float64), low=black, high=white)
    for frame in range(6):
        shown = read_image(ready, frame=frame, max_pixels=MANY)
        assert np.abs(shown.astype(int) - whole[::-1, ::-1, frame].T).max() <= 1
    assert not read_image(ready, frame=0, max_pixels=MANY).any(), "a blank slice stays blank"


def test_a_negative_slope_inverts() -> None:
    plain = readable(draw_nifti(HEAD), max_volume_bytes=MANY)
    data = bytearray(draw_nifti(HEAD))
    struct.pack_into("<f", data, 112, -2.0)
    inverted = readable(bytes(data), max_volume_bytes=MANY)
    first, second = (read_image(d, frame=3, max_pixels=MANY).astype(int) for d in (plain, inverted))
    assert np.abs(first - (255 - second)).max() <= 1


X, Y, Z = np.eye(3)


@pytest.mark.parametrize(
    ("columns", "long_axis", "across", "backwards"),
    [
        # As stored: x right, y front, z top. Rows run to the back, columns to the left.
        ((X, Y, Z), None, (2, 1, 0), (False, True, True)),
        # As scanners store axial slices: left, back, top.
        ((-X, -Y, Z), 2, (2, 1, 0), (False, False, False)),
        # Sagittal: front to back, down, right to left; slices are to run to the right.
        ((-Y, -Z, -X), 2, (2, 1, 0), (True, False, False)),
        # Coronal: left, down, to the back.
        ((-X, -Z, -Y), 2, (2, 1, 0), (False, False, False)),
        # Isotropic, though stored sagittally: axial all the same.
        ((-Y, -Z, X), None, (1, 0, 2), (True, False, True)),
    ],
)
def test_slices_lie_as_radiologists_see_them(
    columns: tuple[Any, ...], long_axis: int | None, across: tuple[int, ...], backwards: tuple[bool, ...]
) -> None:
    affine = np.eye(4)
    affine[:3, :3] = np.stack(columns, axis=1)
    if long_axis is not None:
        affine[:3, long_axis] *= 5
    volume = read_header(draw_nifti(np.zeros((40, 50, 60), np.uint8), affine=affine))
    found = arrangement(volume)
    assert (found.axes, tuple(map(bool, found.backwards))) == (across, backwards)


def test_headers_of_what_is_no_volume_are_refused() -> None:
    plain = draw_nifti(HEAD)

    def changed(at: int, form: str, *values: float | bytes) -> bytes:
        data = bytearray(plain)
        struct.pack_into(form, data, at, *values)
        return bytes(data)

    assert code_of(draw_nifti(np.zeros((33, 33, 3, 2), np.uint8))) == "several_volumes"
    assert code_of(changed(40, "<2h", 1, 50)) == "not_a_volume"
    assert code_of(changed(40, "<4h", 3, 50, 1, 1)) == "not_a_volume"
    assert code_of(changed(40, "<h", 0)) == code_of(changed(40, "<h", 8)) == "truncated_image"
    assert code_of(changed(42, "<h", -5)) == "truncated_image"
    assert code_of(changed(40, "<4h", 3, 32767, 32767, 32767)) == "volume_too_large"
    assert code_of(changed(70, "<h", 128)) == "not_a_brain_mri"
    assert code_of(changed(70, "<h", 32)) == code_of(changed(344, "<4s", b"ni1\0")) == "unsupported_format"
    assert code_of(changed(344, "<4s", b"\0\0\0\0")) == "unsupported_format"
    assert code_of(changed(108, "<f", float("nan"))) == "truncated_image"
    assert code_of(plain[:200]) == code_of(plain[:-1]) == code_of(gzip.compress(plain)[:2000]) == "truncated_image"
    one = readable(draw_nifti(HEAD[..., None]), max_volume_bytes=MANY)
    assert count_frames(one) == 6


def test_a_bomb_is_refused_by_its_header_and_unpacked_no_further_than_that_needs() -> None:
    voxels = np.zeros((1000, 1000, 40), np.uint8)
    bomb = gzip.compress(draw_nifti(voxels))
    assert code_of(bomb, max_volume_bytes=voxels.nbytes) == "volume_too_large"
    after = gzip.compress(draw_nifti(HEAD) + bytes(MANY))
    taken = sum(map(len, unpacked(io.BytesIO(after), most_bytes=1000)))
    assert taken == 1000
    assert len(readable(after, max_volume_bytes=1 << 20)) == 352 + HEAD.nbytes


def test_empty_members_and_endless_names_end() -> None:
    many = gzip.compress(b"") * 200_000
    assert b"".join(unpacked(io.BytesIO(many), most_bytes=10)) == b""
    named = b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 20_000_000
    assert b"".join(unpacked(io.BytesIO(named), most_bytes=10)) == b""


values = st.one_of(st.floats(width=32), st.integers(-1000, 1000).map(float))


def test_what_is_filled_in_around_a_brain_does_not_make_its_tumour_white_all_over() -> None:
    brain = np.random.default_rng(0).normal(300, 30, 1000)
    brain[:20] = np.linspace(700, 1000, 20)
    alone, padded = window_of([brain]), window_of([brain, np.zeros(5000)])
    assert padded[1] == pytest.approx(alone[1], rel=0.02)
    assert padded[1] > 900


@given(st.lists(st.lists(values, min_size=3, max_size=3), min_size=1, max_size=30))
def test_the_window_of_a_volume_is_numpys_percentiles_the_upper_one_without_what_is_filled_in(
    rows: list[list[float]],
) -> None:
    slices = np.array(rows, np.float32)
    low, high = window_of(slices)
    finite = slices[np.isfinite(slices)].astype(np.float64)
    if finite.size == 0:
        assert (low, high) == (0.0, 0.0)
        return
    above = finite[finite > finite.min()]
    expected = np.array([np.percentile(finite, 0.5), np.percentile(above, 99.5) if above.size else finite.max()])
    if not expected[1] > expected[0]:
        expected = np.array([finite.min(), finite.max()])
    assert np.allclose((low, high), expected, rtol=1e-5, atol=1e-30)


@given(st.binary(max_size=600), st.integers(0, 351), st.binary(min_size=1, max_size=40))
def test_whatever_the_bytes_there_is_a_volume_or_a_reason(data: bytes, at: int, harm: bytes) -> None:
    plain = draw_nifti(np.zeros((33, 34, 2), np.uint8))
    harmed = plain[:at] + harm + plain[at + len(harm) :]
    for given_bytes in (struct.pack("<i", 348) + data, struct.pack(">i", 540) + data, harmed):
        try:
            ready = readable(given_bytes, max_volume_bytes=1 << 20)
            read_image(ready, frame=count_frames(ready) - 1, max_pixels=MANY)
        except InvalidScan:
            pass


def test_an_orientation_by_quaternion_is_the_same() -> None:
    tilted = np.array([[0, 0, 3, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]], np.float64)
    image = nib.Nifti1Image.from_bytes(draw_nifti(np.arange(33 * 34 * 3, dtype="i2").reshape(33, 34, 3), affine=tilted))
    image.set_qform(tilted, 1)
    image.set_sform(None, 0)
    data = image.to_bytes()
    assert np.array_equal(as_nibabel_sees(copy_of(data))[0], as_nibabel_sees(data)[0])
    volume = read_header(data)
    assert np.allclose(volume.affine, tilted[:3, :3], atol=1e-6)


def test_orientations_that_are_none_are_passed_over() -> None:
    data = bytearray(draw_nifti(HEAD))
    for rows in ([0.0] * 12, [float("nan")] * 12, [3e38] * 12, [1.0] * 12):
        struct.pack_into("<12f", data, 280, *rows)
        assert np.isfinite(read_header(bytes(data)).affine).all()
        assert len(readable(bytes(data), max_volume_bytes=MANY)) == 352 + HEAD.nbytes
