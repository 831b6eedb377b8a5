"""What a result says of the picture it was made of, read from the de-identified copy that is kept.

The copy was written from an allow-list (docs/adr/0014), so no more can be read here than that. A UID that is missing
there or breaks the form of UIDs is replaced by a derived one: a result must belong to some study, series and image.
"""

from __future__ import annotations

import mmap
import re
from dataclasses import dataclass
from pathlib import Path

from api.dicom_identifiers import derived_uid
from shared import dicom_elements as tags
from shared.dicom import Dicom, open_dicom, text
from shared.dicom_elements import HEAD_BYTES, is_dicom

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
# Enhanced MR, in colour, and converted to it; multi-frame Secondary Capture. All others have one frame by definition.
_OF_FRAMES = frozenset(
    {f"{MR_IMAGE}.{number}" for number in (1, 3, 4)}
    | {f"1.2.840.10008.5.1.4.1.1.7.{number}" for number in (1, 2, 3, 4)}
)
_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
_UID_CHARS = 64
_INTEGER = re.compile(r"\d{1,9}")


@dataclass(frozen=True)
class DicomSource:
    """One frame of a DICOM file, by what others know it by."""

    study_uid: str
    series_uid: str
    class_uid: str
    instance_uid: str
    frame_number: int | None  # from 1; None where the file's class knows no frames
    instance_number: int  # from 1; of several frames the frame's
    burned_in: str  # YES, NO, or empty where the file does not say


def read_sources(path: Path, *, file_id: str, study_id: str) -> list[DicomSource] | None:
    """All frames of a kept file in their order, or None where that is no DICOM file.

    `file_id` and `study_id` name file and study among all that is kept; UIDs that the file lacks are derived from them.
    """
    with open(path, "rb") as file:
        if not is_dicom(file.read(HEAD_BYTES)):
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            dicom = open_dicom(data)
    study_uid = _uid(dicom, tags.STUDY) or derived_uid("study", study_id)
    class_uid = _uid(dicom, tags.SOP_CLASS) or MR_IMAGE
    several = dicom.frame_count > 1
    return [
        DicomSource(
            study_uid=study_uid,
            series_uid=_uid(dicom, tags.SERIES) or derived_uid("series", study_uid, study_id),
            class_uid=class_uid,
            instance_uid=_uid(dicom, tags.SOP_INSTANCE) or derived_uid("image", file_id),
            frame_number=number if several and class_uid in _OF_FRAMES else None,
            instance_number=number if several else _instance_number(dicom),
            burned_in=text(dicom.elements, tags.BURNED_IN),
        )
        for number in range(1, dicom.frame_count + 1)
    ]


def _uid(dicom: Dicom, tag: int) -> str:
    stated = text(dicom.elements, tag)
    return stated if len(stated) <= _UID_CHARS and _UID.fullmatch(stated) else ""


def _instance_number(dicom: Dicom) -> int:
    stated = text(dicom.elements, tags.INSTANCE_NUMBER)
    return max(1, int(stated)) if _INTEGER.fullmatch(stated) else 1
