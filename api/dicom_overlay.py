"""The heatmap over its scan as a DICOM Secondary Capture image (PS3.3, A.8.1), in the study of the scan.

The overlay is put in as it is, a baseline JPEG: what a viewer shows is byte for byte what `/overlay` answers, no pixel
is decoded or encoded here, and the file is a tenth of what it would be otherwise. Imported at first use alone.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from highdicom import UID
from highdicom.sc import SCImage
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

from api.dicom_codes import FOR_RESEARCH, MAKER
from api.dicom_files import LONG_STRING_CHARS, file_bytes, leave_unnamed, say_when
from api.dicom_identifiers import derived_uid
from api.dicom_source import DicomSource

_SERIES_NUMBER = 9901
_PIXEL_BYTES = 3


@dataclass(frozen=True)
class Overlay:
    """What is to be shown: the JPEG of one prediction, and by what it is known."""

    scan_id: str
    batch_id: str
    model: str
    at: datetime
    jpeg: bytes


def overlay_file(overlay: Overlay, source: DicomSource) -> bytes:
    """The file (PS3.10); the same bytes each time."""
    image = SCImage(
        pixel_array=np.zeros((1, 1, _PIXEL_BYTES), np.uint8),  # the JPEG takes its place
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "P"),
        study_instance_uid=source.study_uid,
        series_instance_uid=derived_uid(
            "overlays", overlay.batch_id, source.study_uid, source.series_uid, overlay.model
        ),
        series_number=_SERIES_NUMBER,
        series_description="neurobatch heatmaps: research only",
        sop_instance_uid=derived_uid("overlay", overlay.scan_id, overlay.model),
        instance_number=source.instance_number,
        manufacturer=MAKER,
        manufacturer_model_name=MAKER,
        software_versions=overlay.model[:LONG_STRING_CHARS],
        transfer_syntax_uid=ExplicitVRLittleEndian,
        specific_character_set="ISO_IR 100",
        content_qualification="RESEARCH",
    )
    # The page carries a legend beside the scan, so the patient's directions are not those of its edges.
    image["PatientOrientation"].value = None
    image.BodyPartExamined = "BRAIN"
    leave_unnamed(image)
    say_when(image, overlay.at)
    image.DateOfSecondaryCapture, image.TimeOfSecondaryCapture = image.InstanceCreationDate, image.InstanceCreationTime
    _put_in(image, overlay.jpeg)
    _refer(image, source)
    return file_bytes(image)


def _put_in(image: SCImage, jpeg: bytes) -> None:
    """Baseline JPEG in colour is always said to be YBR_FULL_422, however its chroma is sampled (PS3.5, 8.2.1)."""
    with Image.open(io.BytesIO(jpeg)) as opened:
        image.Columns, image.Rows = opened.size
    image.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    image.PhotometricInterpretation = "YBR_FULL_422"
    image.PixelData = encapsulate([jpeg])
    image["PixelData"].VR = "OB"
    image["PixelData"].is_undefined_length = True
    image.LossyImageCompression = "01"
    image.LossyImageCompressionRatio = f"{image.Rows * image.Columns * _PIXEL_BYTES / len(jpeg):.2f}"
    image.LossyImageCompressionMethod = "ISO_10918_1"


def _refer(image: SCImage, source: DicomSource) -> None:
    """Say what it was made of and what it is good for."""
    made_of = Dataset()
    made_of.ReferencedSOPClassUID, made_of.ReferencedSOPInstanceUID = UID(source.class_uid), UID(source.instance_uid)
    if source.frame_number is not None:
        made_of.ReferencedFrameNumber = source.frame_number
    purpose = codes.DCM.SourceImageForImageProcessingOperation
    made_of.PurposeOfReferenceCodeSequence = [_code_item(purpose.value, purpose.scheme_designator, purpose.meaning)]
    image.SourceImageSequence = [made_of]
    image.DerivationDescription = f"Grad-CAM heatmap over the image. {FOR_RESEARCH}"
    image.ImageComments = FOR_RESEARCH
    if source.burned_in in ("YES", "NO"):
        image.BurnedInAnnotation = source.burned_in


def _code_item(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item
