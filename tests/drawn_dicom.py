"""DICOM files drawn for tests, written by pydicom and GDCM, full of what may be kept nowhere."""

from __future__ import annotations

import io
import tempfile
import warnings
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import UID

EXPLICIT, IMPLICIT, RUN_LENGTHS = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.5"
STUDY, SERIES, INSTANCE, FRAME_OF_REFERENCE = "1.2.3.4.1", "1.2.3.4.2", "1.2.3.4.3", "1.2.3.4.4"
# Each stands in some element of every drawn file.
SECRETS = (
    b"Musterfrau",
    b"PAT-4711",
    b"19630521",
    b"ACC-0815",
    b"20240229",
    b"Praxis Dr",
    b"PRIVATE-NOTE",
    b"SEQ-NAME",
)
_CODED = {
    "jpeg lossless": gdcm.TransferSyntax.JPEGLosslessProcess14_1,
    "jpeg lossless p14": gdcm.TransferSyntax.JPEGLosslessProcess14,
    "jpeg-ls": gdcm.TransferSyntax.JPEGLSLossless,
    "jpeg 2000": gdcm.TransferSyntax.JPEG2000Lossless,
    "run lengths": gdcm.TransferSyntax.RLELossless,
}
CODINGS = tuple(_CODED)


def draw_dicom(pixels: npt.NDArray[Any], *, syntax: str = EXPLICIT, **changes: Any) -> bytes:
    """A file of `pixels` (H, W) or (frames, H, W); `changes` set elements by keyword, None leaves one out."""
    dataset = Dataset()
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", INSTANCE
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = STUDY, SERIES
    dataset.FrameOfReferenceUID = FRAME_OF_REFERENCE
    _identify(dataset)
    dataset.Modality, dataset.RepetitionTime = "MR", "500.5"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    if pixels.ndim == 3:
        dataset.NumberOfFrames = pixels.shape[0]
    bits = 8 * pixels.itemsize
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    raw = pixels.tobytes()
    dataset.PixelData = raw + bytes(len(raw) % 2)
    dataset["PixelData"].VR = "OW" if bits > 8 else "OB"
    for keyword, value in changes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return written(dataset, syntax)


def written(dataset: Dataset, syntax: str) -> bytes:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcmwrite(out, dataset, implicit_vr=syntax == IMPLICIT, little_endian=True, enforce_file_format=True)
    return out.getvalue()


def coded(dicom: bytes, coding: str) -> bytes:
    """The same file, its pixels compressed."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "source"), Path(folder, "target")
        source.write_bytes(dicom)
        reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
        reader.SetFileName(str(source))
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(_CODED[coding]))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFileName(str(target))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return target.read_bytes()


def jpeg_dicom(jpeg: bytes, shape: tuple[int, int], **changes: Any) -> bytes:
    """A file that holds a baseline JPEG as it is."""
    pixels = np.zeros(shape, np.uint8)
    changes = {"PixelData": encapsulate([jpeg], has_bot=False), **changes}
    return draw_dicom(pixels, syntax="1.2.840.10008.1.2.4.50", **changes)


def enhanced_groups(windows: list[tuple[float, float]], *, slope: float = 1.0) -> dict[str, Any]:
    """Functional groups as enhanced MR has them: a window for each frame, a slope for all."""
    transformation = Dataset()
    transformation.RescaleSlope, transformation.RescaleIntercept = str(slope), "0"
    shared = Dataset()
    shared.PixelValueTransformationSequence = Sequence([transformation])
    frames = []
    for centre, width in windows:
        voi, frame = Dataset(), Dataset()
        voi.WindowCenter, voi.WindowWidth = str(centre), str(width)
        frame.FrameVOILUTSequence = Sequence([voi])
        frames.append(frame)
    return {
        "SharedFunctionalGroupsSequence": Sequence([shared]),
        "PerFrameFunctionalGroupsSequence": Sequence(frames),
    }


def _identify(dataset: Dataset) -> None:
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = "Musterfrau^Erika", "PAT-4711", "19630521"
    dataset.AccessionNumber, dataset.StudyDate, dataset.InstitutionName = "ACC-0815", "20240229", "Praxis Dr. Muster"
    request = Dataset()
    request.PatientName, request.RequestedProcedureDescription = "SEQ-NAME", "SEQ-NAME"
    dataset.RequestAttributesSequence = Sequence([request])
    dataset["RequestAttributesSequence"].is_undefined_length = True
    block = dataset.private_block(0x0029, "PRIVATE-NOTE", create=True)
    block.add_new(0x10, "LO", "PRIVATE-NOTE")
    block.add_new(0x20, "SQ", Sequence([request]))
