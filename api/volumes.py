"""NIfTI volumes on arrival: judged by their headers, unpacked within bounds, and copied slice by slice.

Their voxels are only ever moved and counted here, by NumPy; nothing decodes them.
"""

from __future__ import annotations

import mmap
import os
from typing import IO

from api.archives import Budget
from api.staging import Staging
from shared import nifti_copy
from shared.errors import InvalidScan
from shared.images import check_size
from shared.nifti import HEADER_BYTES, is_nifti
from shared.nifti_axes import arrangement
from shared.packed_volume import declared_volume, is_packed_volume, unpack_volume
from shared.settings import Settings


def is_volume(original: IO[bytes]) -> bool:
    """Whether a file is a NIfTI file, packed or not."""
    original.seek(0)
    return is_nifti(original.read(HEADER_BYTES)) or is_packed_volume(original)


def write_volume(original: IO[bytes], copy: IO[bytes], *, staging: Staging, budget: Budget, settings: Settings) -> None:
    """Write the copy that is kept; InvalidScan where there can be none."""
    if not is_packed_volume(original):
        _write(original, copy, counted_bytes=_size_of(original), budget=budget, settings=settings)
        return
    path = staging.next_file()
    try:
        with open(path, "w+b") as whole:
            unpack_volume(original, whole, max_volume_bytes=settings.max_volume_bytes)
            whole.flush()
            _write(whole, copy, counted_bytes=_size_of(original), budget=budget, settings=settings)
    finally:
        path.unlink(missing_ok=True)


def _size_of(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size


def _write(whole: IO[bytes], copy: IO[bytes], *, counted_bytes: int, budget: Budget, settings: Settings) -> None:
    whole.seek(0)
    _check(whole.read(HEADER_BYTES), counted_bytes=counted_bytes, budget=budget, settings=settings)
    with mmap.mmap(whole.fileno(), 0, access=mmap.ACCESS_READ) as data:
        nifti_copy.write_copy(data, copy)


def _check(head: bytes, *, counted_bytes: int, budget: Budget, settings: Settings) -> None:
    """What is wrong with a volume is told once, not of each slice. `counted_bytes` of it the batch was charged for."""
    volume = declared_volume(head, max_volume_bytes=settings.max_volume_bytes)
    slices, rows, columns = arrangement(volume).shape(volume)
    check_size(
        (columns, rows),
        max_pixels=settings.max_pixels,
        min_side_px=settings.min_side_px,
        max_aspect_ratio=settings.max_aspect_ratio,
    )
    limit = settings.max_frames_per_file
    if slices > limit:
        raise InvalidScan(f"the volume has more than max_frames_per_file = {limit} slices", code="too_many_frames")
    budget.size_bytes -= max(0, volume.size_bytes - counted_bytes)
    if budget.size_bytes < 0:
        limit = settings.max_batch_bytes
        raise InvalidScan(f"the unpacked batch is larger than max_batch_bytes = {limit}", code="batch_too_large")
