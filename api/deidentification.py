"""Puts a de-identified copy in the place of each DICOM and NIfTI file that arrives, before anything of it is kept.

A file of which no such copy can be made is refused here and removed, so none is stored as it came.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO

from api.archives import Budget
from api.staging import Fault, StagedFile, Staging
from api.volumes import is_volume, write_volume
from shared import dicom_copy
from shared.dicom import Dicom, open_dicom
from shared.dicom_elements import HEAD_BYTES, is_dicom
from shared.errors import InvalidScan
from shared.gunzip import MAGIC as GZIP_MAGIC
from shared.images import check_size
from shared.nifti import is_nifti
from shared.settings import Settings

_Writer = Callable[[IO[bytes], IO[bytes]], None]


def deidentified(file: StagedFile, *, staging: Staging, budget: Budget, settings: Settings) -> StagedFile:
    """The file itself if it is of another format; else its copy, or its refusal."""
    if not _may_name_a_patient(file.head):
        return file
    with open(file.path, "rb") as original:
        write = _writer(original, staging=staging, budget=budget, settings=settings)
        if write is None:
            return file
        path = staging.next_file()
        try:
            with open(path, "wb") as copy:
                write(original, copy)
        except InvalidScan as error:
            path.unlink()
            return replace(file, fault=Fault(error.code, error.message))
        finally:
            file.path.unlink()
    return _as_stored(file, path)


def _may_name_a_patient(head: bytes) -> bool:
    return is_dicom(head) or is_nifti(head) or head.startswith(GZIP_MAGIC)


def _writer(original: IO[bytes], *, staging: Staging, budget: Budget, settings: Settings) -> _Writer | None:
    if is_dicom(original.read(HEAD_BYTES)):
        return partial(_write_dicom, settings=settings)
    if is_volume(original):
        return partial(write_volume, staging=staging, budget=budget, settings=settings)
    return None


def _write_dicom(original: IO[bytes], copy: IO[bytes], *, settings: Settings) -> None:
    with mmap.mmap(original.fileno(), 0, access=mmap.ACCESS_READ) as data:
        dicom = open_dicom(data)
        _check(dicom, settings=settings)
        dicom_copy.write_copy(dicom, data, copy)


def _check(dicom: Dicom, *, settings: Settings) -> None:
    """What is wrong with all frames is told once, and before they are copied: millions of one pixel fit into a file."""
    check_size(
        (dicom.columns, dicom.rows),
        max_pixels=settings.max_pixels,
        min_side_px=settings.min_side_px,
        max_aspect_ratio=settings.max_aspect_ratio,
    )
    limit = settings.max_frames_per_file
    if dicom.frame_count > limit:
        raise InvalidScan(f"the file has more than max_frames_per_file = {limit} frames", code="too_many_frames")


def _as_stored(file: StagedFile, path: Path) -> StagedFile:
    """The file as it lies at `path` now."""
    with open(path, "rb") as copy:
        digest = hashlib.file_digest(copy, "sha256")
        copy.seek(0)
        head = copy.read(HEAD_BYTES)
    return replace(file, place=str(path), size_bytes=path.stat().st_size, sha256=digest.hexdigest(), head=head)
