"""What a file says of its slices' places: which series they are of, where they lie, and what is to be warned of.

Read from the copy that is kept, never from the file as it came.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path

from shared import dicom_elements as tags
from shared.dicom import Dicom, Plane, open_dicom, text
from shared.dicom_elements import HEAD_BYTES, is_dicom
from shared.domain import ScanWarning, StudyKind
from shared.nifti import is_nifti

# The UIDs of Secondary Capture Image Storage, single and multi-frame (PS3.4, B.5).
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7."
_UID_CHARS = 64


@dataclass(frozen=True)
class Slice:
    """One slice of a study that is still to be put together; UIDs are None where the file states none."""

    kind: StudyKind
    study_uid: str | None = None
    series_uid: str | None = None
    frame_of_reference_uid: str | None = None
    sop_instance_uid: str | None = None
    instance_number: int | None = None
    plane: Plane | None = None
    warnings: tuple[ScanWarning, ...] = ()


def slices_of(path: Path, *, count: int) -> list[Slice | None]:
    """Of each of a kept file's `count` pictures its slice; None where the file is of no format that has such."""
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES)
        if is_nifti(head):
            return [Slice(StudyKind.NIFTI)] * count
        if not is_dicom(head):
            return [None] * count
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            dicom = open_dicom(data)
            return [_slice(dicom, frame) for frame in range(count)]


def _slice(dicom: Dicom, frame: int) -> Slice:
    return Slice(
        StudyKind.DICOM,
        study_uid=_uid(dicom, tags.STUDY),
        series_uid=_uid(dicom, tags.SERIES),
        frame_of_reference_uid=_uid(dicom, tags.FRAME_OF_REFERENCE),
        sop_instance_uid=_uid(dicom, tags.SOP_INSTANCE),
        instance_number=_instance_number(dicom),
        plane=dicom.plane(frame),
        warnings=_warnings(dicom),
    )


def _warnings(dicom: Dicom) -> tuple[ScanWarning, ...]:
    """Whether text may be burnt into the pixels: the file says so, or it is a copy of a screen and does not deny it."""
    stated = text(dicom.elements, tags.BURNED_IN)
    if stated == "YES":
        return (ScanWarning.BURNT_IN_ANNOTATION,)
    captured = f"{text(dicom.elements, tags.SOP_CLASS)}.".startswith(_SECONDARY_CAPTURE)
    return (ScanWarning.SECONDARY_CAPTURE,) if captured and stated != "NO" else ()


def _uid(dicom: Dicom, tag: int) -> str | None:
    return text(dicom.elements, tag)[:_UID_CHARS] or None


def _instance_number(dicom: Dicom) -> int | None:
    stated = text(dicom.elements, tags.INSTANCE_NUMBER)
    try:
        return int(stated)
    except ValueError:
        return None
