"""A study's results as a DICOM structured report: Comprehensive SR (PS3.3, A.35.3) after TID 1500 "Measurement Report".

Of each slice with a result one group (TID 1501): the label as its finding, the probabilities as measurements, the
algorithm (TID 4019), and the image it is of. Slices without a result are counted in a comment. Imported at first use.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from highdicom.sr import (
    AlgorithmIdentification,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from api.dicom_codes import FOR_RESEARCH, MAKER, NEEDS_REVIEW, label_code, own_code, probability_code, scheme_item
from api.dicom_files import LONG_STRING_CHARS, file_bytes, leave_unnamed, say_when
from api.dicom_identifiers import derived_uid
from api.dicom_source import DicomSource
from shared.domain import TumorClass

_SERIES_NUMBER = 9902
_DIGITS = 4  # of a probability; more would say more than is known


@dataclass(frozen=True)
class Finding:
    """One slice's result; `number` is its place in the study, from 1."""

    scan_id: str
    number: int
    source: DicomSource
    model: str
    model_version: str
    label: TumorClass
    probabilities: dict[str, float]
    needs_review: bool
    at: datetime


@dataclass(frozen=True)
class Report:
    """All results of one study, one at least; `not_assessed` counts the slices without one by what became of them."""

    study_id: str
    findings: Sequence[Finding]
    not_assessed: dict[str, int]


class _Unnamed(ComprehensiveSR):
    def copy_patient_and_study_information(self, dataset: Dataset) -> None:
        """Nothing is known of the patient; and highdicom looks the image's class up, which fails for private ones."""


def report_file(report: Report) -> bytes:
    """The file (PS3.10); the same bytes each time, and another SOP instance UID where a result is another."""
    first = report.findings[0].source
    made_of = [(finding.scan_id, finding.model, finding.model_version) for finding in report.findings]
    document = _Unnamed(
        evidence=_evidence(finding.source for finding in report.findings),
        content=_content(report)[0],
        series_instance_uid=derived_uid("reports", report.study_id, first.study_uid, first.series_uid),
        series_number=_SERIES_NUMBER,
        series_description="neurobatch report: research only",
        sop_instance_uid=derived_uid("report", report.study_id, made_of, sorted(report.not_assessed.items())),
        instance_number=1,
        manufacturer=MAKER,
        manufacturer_model_name=MAKER,
        content_qualification="RESEARCH",
        coding_schemes=[scheme_item()],
        specific_character_set="ISO_IR 100",
        is_complete=not report.not_assessed,
        is_final=False,
        is_verified=False,
    )
    document.add_new("SoftwareVersions", "LO", sorted({each.model[:LONG_STRING_CHARS] for each in report.findings}))
    leave_unnamed(document)
    say_when(document, max(finding.at for finding in report.findings))
    return file_bytes(document)


def _content(report: Report) -> MeasurementReport:
    content = MeasurementReport(
        observation_context=_observer(),
        procedure_reported=codes.LN.BrainMRI,
        title=codes.DCM.ImagingMeasurementReport,
        imaging_measurements=[_group(finding) for finding in report.findings],
    )
    for comment in _comments(report):
        content[0].ContentSequence.append(
            TextContentItem(name=codes.DCM.Comment, value=comment, relationship_type=RelationshipTypeValues.CONTAINS)
        )
    return content


def _comments(report: Report) -> list[str]:
    missing = sum(report.not_assessed.values())
    total = len(report.findings) + missing
    assessed = f"{len(report.findings)} of {total} slices were assessed."
    if missing:
        causes = ", ".join(f"{count} {state}" for state, count in sorted(report.not_assessed.items()))
        assessed += f" Without a result and not in this report: {causes}."
    return [f"{FOR_RESEARCH} Labels are those of a neural network and were reviewed by nobody.", assessed]


def _observer() -> ObservationContext:
    device = DeviceObserverIdentifyingAttributes(
        uid=derived_uid("device", MAKER), name=MAKER, manufacturer_name=MAKER, model_name=MAKER
    )
    return ObservationContext(observer_device_context=ObserverContext(codes.DCM.Device, device))


def _group(finding: Finding) -> MeasurementsAndQualitativeEvaluations:
    source = finding.source
    review = codes.SCT.Yes if finding.needs_review else codes.SCT.No
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=derived_uid("finding", finding.scan_id, finding.model), identifier=f"Slice {finding.number}"
        ),
        finding_type=label_code(finding.label),
        finding_sites=[FindingSite(codes.SCT.Brain)],
        algorithm_id=AlgorithmIdentification(name=finding.model, version=finding.model_version, manufacturer=MAKER),
        source_images=[
            SourceImageForMeasurementGroup(
                source.class_uid,
                source.instance_uid,
                referenced_frame_numbers=None if source.frame_number is None else [source.frame_number],
            )
        ],
        measurements=_probabilities(finding),
        qualitative_evaluations=[QualitativeEvaluation(own_code(*NEEDS_REVIEW), review)],
    )


def _probabilities(finding: Finding) -> list[Measurement]:
    """That of the finding by DICOM's own code, then that of each label."""
    named = [(codes.DCM.Probability, finding.label), *((probability_code(label), label) for label in TumorClass)]
    return [
        Measurement(name=name, value=round(finding.probabilities[label], _DIGITS), unit=codes.UCUM.NoUnits)
        for name, label in named
    ]


def _evidence(sources: Iterable[DicomSource]) -> list[Dataset]:
    """Of each file that is referred to what names it, once."""
    files = {source.instance_uid: source for source in sources}
    evidence = []
    for source in files.values():
        file = Dataset()
        leave_unnamed(file)
        file.StudyInstanceUID, file.SeriesInstanceUID = source.study_uid, source.series_uid
        file.SOPClassUID, file.SOPInstanceUID = source.class_uid, source.instance_uid
        evidence.append(file)
    return evidence
