"""The use cases around results as DICOM: a scan's overlay, a study's report, made anew from rows and files each time.

What builds them loads pydicom and highdicom, which a service without DICOM does without: it is imported at first use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from api.callers import Caller
from api.dicom_source import DicomSource, read_sources
from api.model_bundles import list_bundles
from api.scans import find_scan
from api.services import Services
from api.studies import find_study, slices_of
from shared.db.models import Scan, Study
from shared.domain import UNFINISHED, StudyKind
from shared.errors import Conflict

if TYPE_CHECKING:
    from api.dicom_report import Finding

_UNKNOWN_VERSION = "unknown"


def scan_result(services: Services, caller: Caller, scan_id: UUID) -> bytes:
    """A scan's overlay as DICOM Secondary Capture in the scan's study.

    Raises NotFound; Conflict: `not_dicom` where the upload was no DICOM file, `no_result` where the scan has none.
    """
    scan = find_scan(services, caller, scan_id)
    source = _Sources(services).of(scan) if scan.upload_key is not None else None
    if scan.upload_key is not None and source is None:
        raise Conflict(
            "The scan did not come as DICOM, so there is no study its result could go into.", code="not_dicom"
        )
    if scan.prediction is None or source is None:
        raise Conflict(f"The scan is {scan.state}; only one that succeeded has a result.", code="no_result")
    from api.dicom_overlay import Overlay, overlay_file

    overlay = Overlay(
        scan_id=str(scan.id),
        batch_id=str(scan.batch_id),
        model=scan.prediction.model,
        at=scan.prediction.created_at,
        jpeg=services.store.read(scan.prediction.overlay_path),
    )
    return overlay_file(overlay, source)


def study_report(services: Services, caller: Caller, study_id: UUID) -> bytes:
    """The results of a study's slices as a DICOM structured report.

    A report costs about 20 ms of a core for each slice, so only so many are made at once. Raises NotFound; Conflict:
    `not_dicom` where the study did not come as DICOM, `no_result` while a slice has not ended and where none succeeded;
    Busy, TooManyRequests.
    """
    study = find_study(services, caller, study_id)
    if study.kind != StudyKind.DICOM:
        raise Conflict(f"The study came as {study.kind}; only of DICOM is there a report as DICOM.", code="not_dicom")
    with services.reports.hold(caller):
        scans = slices_of(services, study)
        _check_ended(scans)
        return _report(services, study, scans)


def _report(services: Services, study: Study, scans: Sequence[Scan]) -> bytes:
    from api.dicom_report import Report, report_file

    without = Counter(str(scan.state) for scan in scans if scan.prediction is None)
    return report_file(Report(study_id=str(study.id), findings=_findings(services, scans), not_assessed=dict(without)))


class _Sources:
    """What the files of scans say of them, each file read once."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._read: dict[str, list[DicomSource] | None] = {}

    def of(self, scan: Scan) -> DicomSource | None:
        """None where the scan came as something else than DICOM."""
        key = scan.upload_key
        assert key is not None, "of a scan with a result the upload was kept"
        if key not in self._read:
            self._read[key] = read_sources(self._store.path(key), file_id=key, study_id=str(scan.study_id or key))
        found = self._read[key]
        return found[scan.frame] if found else None


def _check_ended(scans: Sequence[Scan]) -> None:
    waiting = sum(scan.state in UNFINISHED for scan in scans)
    if waiting:
        raise Conflict(f"{waiting} of the study's {len(scans)} slices have no result yet.", code="no_result")
    if not any(scan.prediction for scan in scans):
        raise Conflict(
            f"None of the study's {len(scans)} slices succeeded; there is nothing to report.", code="no_result"
        )


def _findings(services: Services, scans: Sequence[Scan]) -> list[Finding]:
    from api.dicom_report import Finding

    versions = _versions(services)
    sources = _Sources(services)
    findings = []
    for number, scan in enumerate(scans, 1):
        if (prediction := scan.prediction) is None:
            continue
        source = sources.of(scan)
        assert source is not None, "a study of DICOM holds nothing else"
        findings.append(
            Finding(
                scan_id=str(scan.id),
                number=number,
                source=source,
                model=prediction.model,
                model_version=versions.get(prediction.model, _UNKNOWN_VERSION),
                label=prediction.label,
                probabilities=prediction.probabilities,
                needs_review=prediction.needs_review,
                at=prediction.created_at,
            )
        )
    return findings


def _versions(services: Services) -> dict[str, str]:
    """Of each model whose bundle is still at hand what it says is its version."""
    bundles = list_bundles(services.settings.model_dir)
    return {bundle.name: str((bundle.model_extra or {}).get("version", _UNKNOWN_VERSION)) for bundle in bundles}
