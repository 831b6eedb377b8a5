"""Writes the copy of a NIfTI volume that is kept: its voxels and where they lie, and nothing else.

The header is written anew, so no free text and no extension can pass. Voxels are laid out slice after slice, each as
it is shown, so that one is read without the others; and black and white of the whole volume stand in `cal_min` and
`cal_max`, so that slices are windowed once and alike.
"""

from __future__ import annotations

import struct
from typing import IO

import numpy as np
import numpy.typing as npt

from shared.dicom_elements import Data
from shared.errors import InvalidScan
from shared.nifti import HEADER_BYTES, PREPARED, VOXELS, Volume, damaged, read_header
from shared.nifti_axes import Arrangement, arrangement
from shared.windowing import window_of

_DATA_AT = 352
_SCANNER = 1
_MOST_ALONG_AN_AXIS = 2**15 - 1
_CODES = {kind: code for code, kind in VOXELS.items()}


def write_copy(data: Data, out: IO[bytes]) -> None:
    """Write the copy of an unpacked file; InvalidScan as `read_header` raises it, or where voxels are missing."""
    volume = read_header(data[:HEADER_BYTES])
    if max(volume.shape) > _MOST_ALONG_AN_AXIS:
        raise InvalidScan(f"the volume has more than {_MOST_ALONG_AN_AXIS} voxels a side", code="image_too_large")
    if len(data) < volume.data_at + volume.size_bytes:
        raise damaged("it holds fewer voxels than it says")
    stored = np.ndarray(volume.shape, volume.voxels, buffer=data, offset=volume.data_at, order="F")
    cut = arrangement(volume)
    slices = cut.arranged(stored)
    low, high = window_of(slices)
    if volume.inverted:
        low, high = -high, -low
    out.write(_header(volume, cut, window=(low, high)))
    little = volume.voxels.newbyteorder("<")
    for one in slices:
        out.write(np.ascontiguousarray(one, little).data)


def _header(volume: Volume, cut: Arrangement, *, window: tuple[float, float]) -> bytes:
    """A NIfTI-1 header. Scaling is not kept but for its sign: grey values of MRI have no unit."""
    slices, rows, columns = cut.shape(volume)
    affine = _affine(volume, cut)
    spacing = np.linalg.norm(affine[:, :3], axis=0)
    header = bytearray(_DATA_AT)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, columns, rows, slices, 1, 1, 1, 1)
    kind = volume.voxels.str[1:]
    struct.pack_into("<2h", header, 70, _CODES[kind], 8 * volume.voxels.itemsize)
    struct.pack_into("<8f", header, 76, 1.0, *spacing, 0.0, 0.0, 0.0, 0.0)
    struct.pack_into("<3f", header, 108, _DATA_AT, -1.0 if volume.inverted else 1.0, 0.0)
    struct.pack_into("<B", header, 123, volume.units)
    struct.pack_into("<2f", header, 124, window[1], window[0])
    struct.pack_into("<2h", header, 252, 0, _SCANNER)
    struct.pack_into("<12f", header, 280, *affine.ravel())
    header[328 : 328 + len(PREPARED)] = PREPARED
    header[344:348] = b"n+1\0"
    return bytes(header)


def _affine(volume: Volume, cut: Arrangement) -> npt.NDArray[np.float64]:
    """(3, 4) of the axes as the copy has them, columns first; the volume's middle is its origin."""
    order = list(reversed(list(zip(cut.axes, cut.backwards, strict=True))))
    steps = np.stack([volume.affine[:, axis] * (-1 if backwards else 1) for axis, backwards in order], axis=1)
    middle = (np.array([volume.shape[axis] for axis, _ in order]) - 1) / 2
    return np.column_stack([steps, -steps @ middle])
