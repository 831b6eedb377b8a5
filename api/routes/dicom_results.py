"""Results as DICOM: `/v1/scans/{id}/result.dcm`, `/v1/studies/{id}/report.dcm`."""

from __future__ import annotations

from uuid import UUID

from apiflask import APIBlueprint
from flask import Response

from api import dicom_results
from api.callers import caller
from api.services import services

blueprint = APIBlueprint("dicom_results", __name__, url_prefix="/v1", tag="DICOM results")
_DICOM = "application/dicom"  # RFC 3240


@blueprint.get("/scans/<uuid:scan_id>/result.dcm")
@blueprint.doc(operation_id="get_scan_result_dicom", responses=[404, 409])
def scan_result(scan_id: UUID) -> Response:
    """The heatmap over the scan as DICOM Secondary Capture in the scan's study; only of what came as DICOM."""
    return _file(dicom_results.scan_result(services(), caller(), scan_id), f"{scan_id}.result.dcm")


@blueprint.get("/studies/<uuid:study_id>/report.dcm")
@blueprint.doc(operation_id="get_study_report_dicom", responses=[404, 409, 429, 503])
def study_report(study_id: UUID) -> Response:
    """The results of a study's slices as DICOM structured report (TID 1500); only of what came as DICOM."""
    return _file(dicom_results.study_report(services(), caller(), study_id), f"{study_id}.report.dcm")


def _file(data: bytes, name: str) -> Response:
    """Has an ETag like every answer; is asked for again, as a retry may add slices to a report."""
    return Response(data, mimetype=_DICOM, headers={"Content-Disposition": f'attachment; filename="{name}"'})
