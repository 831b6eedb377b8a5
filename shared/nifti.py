"""What a NIfTI file's header says of its volume, without an image library and whatever the bytes.

Only the fields that are named here are read (nifti1.h, nifti2.h of the NIfTI Data Format Working Group): the free
texts `descrip`, `aux_file`, `intent_name` and `db_name`, and all extensions, may hold anything and are passed over. No
message quotes the file.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.errors import InvalidScan

# The larger of the two headers; a single file's voxels begin 4 bytes after the smaller one at the earliest.
HEADER_BYTES = 540
_SIZES = {348: 1, 540: 2}
_MAGICS = {1: b"n+1\0", 2: b"n+2\0\r\n\x1a\n"}
# What `intent_name` holds in a copy that `shared.nifti_copy` wrote.
PREPARED = b"neurobatch"
_INTENT_NAME_AT = 328

# Codes of what voxels are (nifti1.h, NIFTI_TYPE_*).
VOXELS = {
    2: "u1",
    256: "i1",
    4: "i2",
    512: "u2",
    8: "i4",
    768: "u4",
    1024: "i8",
    1280: "u8",
    16: "f4",
    64: "f8",
}
_COLOURS = frozenset({128, 2304})
_SHORTEST, _LONGEST = 1e-6, 1e6  # steps that a voxel's side may have, in any unit


# Of each version of the header, how a field is kept and where.
_FIELDS = {
    1: {
        "dim": ("8h", 40),
        "datatype": ("h", 70),
        "pixdim": ("8f", 76),
        "vox_offset": ("f", 108),
        "scl_slope": ("f", 112),
        "xyzt_units": ("B", 123),
        "cal_max, cal_min": ("2f", 124),
        "qform_code, sform_code": ("2h", 252),
        "quatern_b, _c, _d": ("3f", 256),
        "srow_x, _y, _z": ("12f", 280),
    },
    2: {
        "datatype": ("h", 12),
        "dim": ("8q", 16),
        "pixdim": ("8d", 104),
        "vox_offset": ("q", 168),
        "scl_slope": ("d", 176),
        "cal_max, cal_min": ("2d", 192),
        "qform_code, sform_code": ("2i", 344),
        "quatern_b, _c, _d": ("3d", 352),
        "srow_x, _y, _z": ("12d", 400),
        "xyzt_units": ("i", 500),
    },
}


@dataclass(frozen=True)
class Volume:
    """One volume as its header describes it.

    `affine`: (3, 3), how far towards the patient's right, front and top a step along each voxel axis leads, in `units`
    (1 metre, 2 millimetre, 3 micrometre, 0 unknown); never degenerate. `window`: black and white (`cal_min`,
    `cal_max`), which only a copy of ours is believed.
    """

    shape: tuple[int, int, int]
    voxels: np.dtype[np.generic]
    data_at: int
    inverted: bool
    affine: npt.NDArray[np.float64]
    units: int
    window: tuple[float, float]
    prepared: bool

    @property
    def size_bytes(self) -> int:
        """Of all voxels."""
        return math.prod(self.shape) * self.voxels.itemsize


def is_nifti(head: bytes) -> bool:
    """By the first 4 bytes: the header's size, in either order. True for Analyze files as well."""
    return len(head) >= 4 and (_size_of(head, "<") in _SIZES or _size_of(head, ">") in _SIZES)


def read_header(head: bytes) -> Volume:
    """Read and judge a header, of which `head` holds the first `HEADER_BYTES` bytes.

    Raises InvalidScan: `truncated_image`, `unsupported_format` (a header without its voxels, Analyze, complex
    numbers), `not_a_brain_mri` (colour), `several_volumes` (4-D and more), `not_a_volume` (1-D).
    """
    order = "<" if _size_of(head, "<") in _SIZES else ">"
    version = _SIZES.get(_size_of(head, order), 0)
    if not version or len(head) < (352 if version == 1 else HEADER_BYTES):
        raise damaged("it ends within its header")
    _check_magic(head, version)

    def read(name: str) -> tuple[float, ...]:
        kind, at = _FIELDS[version][name]
        return struct.unpack_from(order + kind, head, at)

    (code,), (offset,), (slope,), (units,) = map(read, ("datatype", "vox_offset", "scl_slope", "xyzt_units"))
    high, low = read("cal_max, cal_min")
    return Volume(
        shape=_shape([int(size) for size in read("dim")]),
        voxels=np.dtype(order + _voxels(int(code))),
        data_at=_data_at(offset, least=352 if version == 1 else HEADER_BYTES),
        inverted=slope < 0,
        affine=_affine(
            read("pixdim"), read("qform_code, sform_code"), read("quatern_b, _c, _d"), read("srow_x, _y, _z")
        ),
        units=int(units) & 7 if int(units) & 7 <= 3 else 0,
        window=(low, high),
        prepared=version == 1 and head[_INTENT_NAME_AT : _INTENT_NAME_AT + len(PREPARED)] == PREPARED,
    )


def damaged(what: str) -> InvalidScan:
    """The refusal of a file that is not what it has to be; `what` quotes nothing of it."""
    return InvalidScan(f"the NIfTI file is damaged or cut short: {what}", code="truncated_image")


def _size_of(head: bytes, order: str) -> int:
    return int(struct.unpack_from(f"{order}i", head)[0]) if len(head) >= 4 else 0


def _check_magic(head: bytes, version: int) -> None:
    magic = head[344:348] if version == 1 else head[4:12]
    if magic != _MAGICS[version]:
        raise InvalidScan(
            "a NIfTI header without its voxels, or an Analyze file, is not read here; send one .nii or .nii.gz",
            code="unsupported_format",
        )


def _shape(dim: list[int]) -> tuple[int, int, int]:
    count = dim[0]
    if not 1 <= count <= 7:
        raise damaged("its number of dimensions is none")
    sizes = dim[1 : count + 1]
    if any(size < 1 for size in sizes):
        raise damaged("one of its dimensions is none")
    if any(size > 1 for size in sizes[3:]):
        raise InvalidScan(
            "the file holds several volumes (time points, echoes or directions); send one", code="several_volumes"
        )
    x, y, z = [*sizes[:3], 1, 1][:3]
    if sorted((x, y, z))[1] == 1:
        raise InvalidScan("the file holds a line of values and no volume", code="not_a_volume")
    return x, y, z


def _voxels(code: int) -> str:
    if code in _COLOURS:
        raise InvalidScan("the volume is in colour, which no MRI is", code="not_a_brain_mri")
    if code not in VOXELS:
        raise InvalidScan("the NIfTI file's kind of voxels is not read here", code="unsupported_format")
    return VOXELS[code]


def _data_at(offset: float, *, least: int) -> int:
    if not math.isfinite(offset) or offset > 2**40:
        raise damaged("its voxels begin nowhere")
    return max(int(offset), least)


def _affine(
    pixdim: tuple[float, ...], codes: tuple[float, ...], quaternion: tuple[float, ...], srow: tuple[float, ...]
) -> npt.NDArray[np.float64]:
    """By the header's third method, else its second, else its first, whose x is taken for the patient's left."""
    spacing = np.array([abs(size) if _SHORTEST < abs(size) < _LONGEST else 1.0 for size in pixdim[1:4]])
    if codes[1] > 0 and _is_usable(rows := np.array(srow, np.float64).reshape(3, 4)[:, :3]):
        return rows
    if codes[0] > 0 and _is_usable(rotated := _rotation(quaternion)):
        return np.asarray(rotated * spacing * (1.0, 1.0, -1.0 if pixdim[0] < 0 else 1.0))
    return np.diag(spacing * (-1.0, 1.0, 1.0))


def _is_usable(matrix: npt.NDArray[np.float64]) -> bool:
    if not (np.abs(matrix) < _LONGEST).all():
        return False
    lengths = np.linalg.norm(matrix, axis=0)
    if not (lengths.min() > _SHORTEST and lengths.max() < _LONGEST):
        return False
    return bool(abs(np.linalg.det(matrix / lengths)) > 1e-3)


def _rotation(bcd: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """A quaternion's three last parts to its matrix (nifti1.h); the first follows, as its length is 1."""
    b, c, d = bcd
    with np.errstate(all="ignore"):
        a = math.sqrt(max(0.0, 1.0 - (b * b + c * c + d * d)))
        return np.array(
            [
                [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
                [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
                [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
            ]
        )
