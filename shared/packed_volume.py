"""NIfTI volumes as they come, most of them packed: `.nii.gz`.

What a header declares is needed, no more is unpacked: so its size is judged before its voxels take any room.
"""

from __future__ import annotations

import io
from typing import IO

from shared.errors import InvalidScan
from shared.gunzip import MAGIC, unpacked
from shared.nifti import HEADER_BYTES, Volume, is_nifti, read_header
from shared.nifti_pixels import prepared


def is_packed_volume(packed: IO[bytes]) -> bool:
    """Whether a file is a NIfTI file within gzip."""
    packed.seek(0)
    if packed.read(len(MAGIC)) != MAGIC:
        return False
    return is_nifti(_head(packed))


def unpack_volume(packed: IO[bytes], out: IO[bytes], *, max_volume_bytes: int) -> None:
    """Write what is packed up to the volume's end; InvalidScan as `declared_volume` raises it."""
    volume = declared_volume(_head(packed), max_volume_bytes=max_volume_bytes)
    packed.seek(0)
    for piece in unpacked(packed, most_bytes=volume.data_at + volume.size_bytes):
        out.write(piece)


def declared_volume(head: bytes, *, max_volume_bytes: int) -> Volume:
    """The volume that a header tells of; InvalidScan as `read_header` raises it, and `volume_too_large`."""
    volume = read_header(head)
    if volume.data_at + volume.size_bytes > max_volume_bytes:
        raise InvalidScan(f"the volume is larger than max_volume_bytes = {max_volume_bytes}", code="volume_too_large")
    return volume


def readable(data: bytes, *, max_volume_bytes: int) -> bytes:
    """A file of one's own so that `shared.images.read_image` reads each picture at once: volumes unpacked and prepared.

    Anything else is given back as it is. InvalidScan for a volume that cannot be read.
    """
    packed = io.BytesIO(data)
    if is_packed_volume(packed):
        whole = io.BytesIO()
        unpack_volume(packed, whole, max_volume_bytes=max_volume_bytes)
        return prepared(whole.getvalue())
    if is_nifti(data[:HEADER_BYTES]):
        declared_volume(data[:HEADER_BYTES], max_volume_bytes=max_volume_bytes)
        return prepared(data)
    return data


def _head(packed: IO[bytes]) -> bytes:
    packed.seek(0)
    return b"".join(unpacked(packed, most_bytes=HEADER_BYTES))
