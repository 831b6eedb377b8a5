"""What our DICOM files have in common: nobody's name, one time, and their form on disk. Imported at first use alone."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from pydicom.dataset import Dataset
from pydicom.valuerep import DA, DT, TM

LONG_STRING_CHARS = 64  # of a value of kind LO (PS3.5, 6.2)
_UNNAMED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)


def leave_unnamed(dataset: Dataset) -> None:
    """Have the elements about patient and study that must be there, with nothing in them (type 2 of PS3.5, 7.4)."""
    for keyword in _UNNAMED:
        setattr(dataset, keyword, None)


def say_when(dataset: Dataset, at: datetime) -> None:
    """Give the time of the prediction, in UTC, as that of the file: a result downloaded again is the same file."""
    at = at.astimezone(UTC)
    date, time = DA(at.date()), TM(at.time())
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = date, time
    dataset.ContentDate, dataset.ContentTime = date, time
    dataset.TimezoneOffsetFromUTC = "+0000"
    for library in dataset.get("ContributingEquipmentSequence", []):
        library.ContributionDateTime = DT(at.replace(tzinfo=None))


def file_bytes(dataset: Dataset) -> bytes:
    """The dataset as a file (PS3.10)."""
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()
