"""Our DICOM files: what another program of the field thinks of them, and what they say."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import highdicom.sr
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset

from api.dicom_overlay import Overlay, overlay_file
from api.dicom_report import Finding, Report, report_file
from api.dicom_source import DicomSource, read_sources
from neurobatch.phantoms import draw_head
from shared.dicom import open_dicom
from shared.dicom_copy import write_copy
from shared.domain import TumorClass
from tests.dicom_verifier import errors_in
from tests.drawn_dicom import EXPLICIT, INSTANCE, SECRETS, SERIES, STUDY, coded, draw_dicom, enhanced_groups

ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
HEAD = draw_head(1)[::8, ::8]
DEEP = HEAD.astype(np.uint16) * 257
FRAMES = np.stack([DEEP, DEEP[::-1], DEEP])
AT = datetime(2026, 3, 1, 23, 59, 58, 5, UTC)

INPUTS: dict[str, Callable[[], bytes]] = {
    "8 bits": lambda: draw_dicom(HEAD),
    "16 bits": lambda: draw_dicom(DEEP),
    "MONOCHROME1": lambda: draw_dicom(255 - HEAD, PhotometricInterpretation="MONOCHROME1"),
    "enhanced": lambda: draw_dicom(FRAMES, SOPClassUID=ENHANCED_MR, **enhanced_groups([(32768, 65535)] * 3)),
    "classic with frames": lambda: draw_dicom(FRAMES),
    "JPEG lossless": lambda: coded(draw_dicom(DEEP), "jpeg lossless"),
    "JPEG 2000": lambda: coded(draw_dicom(DEEP), "jpeg 2000"),
    "enhanced JPEG 2000": lambda: coded(draw_dicom(FRAMES, SOPClassUID=ENHANCED_MR), "jpeg 2000"),
    "private class": lambda: draw_dicom(DEEP, SOPClassUID="1.2.3.4.5"),
    "class of no image": lambda: draw_dicom(DEEP, SOPClassUID=EXPLICIT),
    "no frame of reference": lambda: draw_dicom(DEEP, FrameOfReferenceUID=None),
    "no study": lambda: draw_dicom(DEEP, StudyInstanceUID=None),
    "burned in": lambda: draw_dicom(DEEP, BurnedInAnnotation="YES"),
    "minimal": lambda: draw_dicom(
        DEEP,
        ImageType=None,
        StudyInstanceUID=None,
        SeriesInstanceUID=None,
        FrameOfReferenceUID=None,
        RepetitionTime=None,
        StudyDate=None,
    ),
}


def sources_of(data: bytes, folder: Path) -> list[DicomSource]:
    """As the API reads them: from the copy that is kept."""
    kept = folder / "kept"
    with kept.open("wb") as out:
        write_copy(open_dicom(data), data, out)
    sources = read_sources(kept, file_id="uploads/1/0001", study_id="study-1")
    assert sources is not None
    return sources


def overlay(**changes: Any) -> Overlay:
    page = io.BytesIO()
    Image.fromarray(np.dstack([draw_head(2)[::4, ::4]] * 3)).save(page, "JPEG", quality=88)
    given = Overlay(scan_id="scan-1", batch_id="batch-1", model="cnn-pyramid-1", at=AT, jpeg=page.getvalue())
    return dataclasses.replace(given, **changes)


def report(sources: list[DicomSource], **changes: Any) -> Report:
    findings = [
        Finding(
            scan_id=f"scan-{number}",
            number=number,
            source=source,
            model="cnn-pyramid-1",
            model_version="1",
            label=TumorClass.MENINGIOMA,
            probabilities={"glioma": 0.1, "meningioma": 0.8765, "pituitary": 0.02, "notumor": 0.0035},
            needs_review=number == 1,
            at=AT,
        )
        for number, source in enumerate(sources, 1)
    ]
    return dataclasses.replace(Report(study_id="study-1", findings=findings, not_assessed={}), **changes)


def groups_of(data: bytes) -> list[Any]:
    """The measurement groups of a report, as highdicom reads them."""
    document: Any = highdicom.sr.srread(io.BytesIO(data))
    return list(document.content.get_image_measurement_groups())


@pytest.mark.parametrize("given", INPUTS.values(), ids=INPUTS)
def test_no_error_is_found_in_what_is_made_of_any_input(given: Callable[[], bytes], tmp_path: Path) -> None:
    sources = sources_of(given(), tmp_path)
    made = {"overlay.dcm": overlay_file(overlay(), sources[-1]), "report.dcm": report_file(report(sources))}
    for name, data in made.items():
        (tmp_path / name).write_bytes(data)
        assert errors_in(tmp_path / name) == []
        assert not [secret for secret in SECRETS if secret in data]
        assert pydicom.dcmread(tmp_path / name).StudyInstanceUID == sources[0].study_uid


def test_a_model_may_be_called_longer_than_dicom_can_say(tmp_path: Path) -> None:
    sources = sources_of(next(iter(INPUTS.values()))(), tmp_path)
    named = report(sources)
    long = [dataclasses.replace(finding, model="m" * 100) for finding in named.findings]
    made = {
        "overlay.dcm": overlay_file(overlay(model="m" * 100), sources[-1]),
        "report.dcm": report_file(dataclasses.replace(named, findings=long)),
    }
    for name, data in made.items():
        (tmp_path / name).write_bytes(data)
        assert errors_in(tmp_path / name) == []


def test_the_verifier_finds_errors_where_there_are_some(tmp_path: Path) -> None:
    broken = pydicom.dcmread(io.BytesIO(overlay_file(overlay(), sources_of(draw_dicom(HEAD), tmp_path)[0])))
    del broken.Rows
    broken.save_as(tmp_path / "broken.dcm")
    assert [line for line in errors_in(tmp_path / "broken.dcm") if line.startswith("Error") and "Rows" in line]


def test_the_overlay_is_the_jpeg_itself_in_the_study_of_its_image(tmp_path: Path) -> None:
    given = overlay()
    (source,) = sources_of(draw_dicom(HEAD, InstanceNumber="17"), tmp_path)
    image = pydicom.dcmread(io.BytesIO(overlay_file(given, source)))
    assert next(pydicom.encaps.generate_frames(image.PixelData, number_of_frames=1)).startswith(given.jpeg)
    with Image.open(io.BytesIO(given.jpeg)) as page:
        difference = np.abs(np.asarray(page, np.int16) - image.pixel_array)
    assert difference.max() <= 2, "read as the colours it has"
    assert (image.StudyInstanceUID, image.InstanceNumber) == (STUDY, 17)
    assert image.SeriesInstanceUID != SERIES
    made_of = image.SourceImageSequence[0]
    assert (made_of.ReferencedSOPInstanceUID, "ReferencedFrameNumber" in made_of) == (INSTANCE, False)
    assert image.ContentQualification == "RESEARCH"
    assert "not a diagnosis" in image.ImageComments
    assert (image.ContentDate, image.ContentTime) == ("20260301", "235958.000005")


@pytest.mark.parametrize("kind", ["overlay", "report"])
def test_patient_and_study_are_there_and_empty(kind: str, tmp_path: Path) -> None:
    sources = sources_of(draw_dicom(HEAD), tmp_path)
    data = overlay_file(overlay(), sources[0]) if kind == "overlay" else report_file(report(sources))
    dataset = pydicom.dcmread(io.BytesIO(data))
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "AccessionNumber"):
        assert not dataset[keyword].value
        assert keyword in dataset


def test_a_frame_is_referred_to_by_its_number(tmp_path: Path) -> None:
    sources = sources_of(INPUTS["enhanced"](), tmp_path)
    image = pydicom.dcmread(io.BytesIO(overlay_file(overlay(), sources[2])))
    assert image.SourceImageSequence[0].ReferencedFrameNumber == 3
    assert image.InstanceNumber == 3
    referred = [group.source_images[0].referenced_frame_numbers for group in groups_of(report_file(report(sources)))]
    assert referred == [[1], [2], [3]]


def test_a_report_says_what_was_found_by_whom_in_which_image(tmp_path: Path) -> None:
    data = report_file(report(sources_of(draw_dicom(DEEP), tmp_path)))
    (group,) = groups_of(data)
    assert group.finding_type.value == "meningioma"
    assert group.finding_type.scheme_designator == "99NEUROBATCH"
    values = {item.name.meaning: item.value for item in group.get_measurements()}
    assert values["Probability"] == values["Probability of meningioma"] == 0.8765
    assert values["Probability of no tumor"] == 0.0035
    assert len(values) == 5
    (review,) = group.get_qualitative_evaluations()
    assert review.value.meaning == "Yes"
    texts = texts_of(pydicom.dcmread(io.BytesIO(data)))
    assert (texts["Algorithm Name"], texts["Algorithm Version"]) == (["cnn-pyramid-1"], ["1"])
    assert texts["Device Observer Name"] == ["neurobatch"]
    assert texts["Comment"][0].startswith("For research only, not a diagnosis.")
    assert texts["Comment"][1] == "1 of 1 slices were assessed."


def test_a_reports_evidence_names_each_file_of_the_study_once(tmp_path: Path) -> None:
    document = pydicom.dcmread(io.BytesIO(report_file(report(sources_of(INPUTS["enhanced"](), tmp_path)))))
    (study,) = document.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    (file,) = series.ReferencedSOPSequence
    assert (study.StudyInstanceUID, series.SeriesInstanceUID) == (STUDY, SERIES)
    assert (file.ReferencedSOPClassUID, file.ReferencedSOPInstanceUID) == (ENHANCED_MR, INSTANCE)
    assert (document.CompletionFlag, document.VerificationFlag) == ("COMPLETE", "UNVERIFIED")


def test_slices_without_a_result_are_counted(tmp_path: Path) -> None:
    partial = report(sources_of(draw_dicom(DEEP), tmp_path), not_assessed={"rejected": 2, "failed": 1})
    document = pydicom.dcmread(io.BytesIO(report_file(partial)))
    assert texts_of(document)["Comment"][1] == (
        "1 of 4 slices were assessed. Without a result and not in this report: 1 failed, 2 rejected."
    )
    assert document.CompletionFlag == "PARTIAL"


def test_the_same_result_is_the_same_file_and_another_is_another_object(tmp_path: Path) -> None:
    sources = sources_of(draw_dicom(DEEP), tmp_path)
    assert overlay_file(overlay(), sources[0]) == overlay_file(overlay(), sources[0])
    assert report_file(report(sources)) == report_file(report(sources))
    made = [overlay_file(overlay(model=model), sources[0]) for model in ("a", "b")]
    made += [report_file(report(sources, not_assessed={"failed": count})) for count in (1, 2)]
    assert len({pydicom.dcmread(io.BytesIO(data)).SOPInstanceUID for data in made}) == 4


def test_what_a_file_does_not_state_is_derived_and_stays_the_same(tmp_path: Path) -> None:
    first, second = (sources_of(INPUTS["minimal"](), tmp_path)[0] for _ in range(2))
    assert first == second
    assert first.study_uid.startswith("2.25.")
    assert first.series_uid.startswith("2.25.")
    assert first.study_uid != first.series_uid
    assert first.instance_uid == INSTANCE
    malformed = draw_dicom(DEEP).replace(STUDY.encode() + b"\0", b"1.02.3.4.1")
    assert sources_of(malformed, tmp_path)[0].study_uid == first.study_uid


def test_what_is_no_dicom_has_no_source(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    assert read_sources(tmp_path / "a.png", file_id="f", study_id="s") is None


def texts_of(document: Dataset) -> dict[str, list[str]]:
    """Every text of a report by the meaning of its name."""
    texts: dict[str, list[str]] = {}
    for _, item in walk(document):
        if item.get("ValueType") == "TEXT":
            texts.setdefault(item.ConceptNameCodeSequence[0].CodeMeaning, []).append(item.TextValue)
    return texts


def walk(item: Dataset, depth: int = 0) -> list[tuple[int, Dataset]]:
    below = [found for child in item.get("ContentSequence", []) for found in walk(child, depth + 1)]
    return [(depth, item), *below]
