"""Puts a de-identified copy in the place of each DICOM file that arrives, before anything of it is kept.

A file of which no such copy can be made is refused here and removed, so none is stored as it came.
"""

from __future__ import annotations

import hashlib
import mmap
from dataclasses import replace
from pathlib import Path

from api.staging import Fault, StagedFile, Staging, durable_file
from shared.dicom_copy import write_copy
from shared.dicom_elements import HEAD_BYTES, is_dicom
from shared.errors import InvalidScan


def deidentified(file: StagedFile, *, staging: Staging) -> StagedFile:
    """The file itself if it is no DICOM file; else its copy, or its refusal."""
    with open(file.path, "rb") as original:
        if not is_dicom(original.read(HEAD_BYTES)):
            return file
        path = staging.next_file()
        try:
            with (
                mmap.mmap(original.fileno(), 0, access=mmap.ACCESS_READ) as data,
                durable_file(path) as copy,
            ):
                write_copy(data, copy)
        except InvalidScan as error:
            path.unlink()
            return replace(file, fault=Fault(error.code, error.message))
        finally:
            file.path.unlink()
    return replace(file, path=path, size_bytes=path.stat().st_size, sha256=_sha256_of(path))


def _sha256_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
