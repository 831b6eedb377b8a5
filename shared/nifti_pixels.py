"""One slice of a NIfTI volume to grey, read without its neighbours."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt

from shared.dicom_elements import Data
from shared.errors import InvalidScan
from shared.nifti import HEADER_BYTES, Volume, damaged, read_header
from shared.nifti_copy import write_copy
from shared.windowing import between


def prepared(data: Data) -> bytes:
    """An unpacked file as `write_copy` writes it; InvalidScan as that raises it."""
    copy = io.BytesIO()
    write_copy(data, copy)
    return copy.getvalue()


def slice_shape(volume: Volume) -> tuple[int, int]:
    """Width and height of the slices of a prepared volume."""
    return volume.shape[0], volume.shape[1]


def grey_slice(data: Data, frame: int) -> npt.NDArray[np.uint8]:
    """A slice of a prepared file as uint8 (height, width), between the black and white of its whole volume."""
    volume = read_header(data[:HEADER_BYTES])
    columns, rows, slices = volume.shape
    if frame >= slices:
        raise InvalidScan(f"the file has no picture {frame}", code="truncated_image")
    size = columns * rows * volume.voxels.itemsize
    at = volume.data_at + frame * size
    own = data[at : at + size]
    if len(own) < size:
        raise damaged("it holds fewer voxels than it says")
    values = np.frombuffer(own, volume.voxels).reshape(rows, columns).astype(np.float64)
    if volume.inverted:
        np.negative(values, out=values)
    low, high = volume.window
    return between(values, low=low, high=high)
