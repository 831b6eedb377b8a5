"""Results as DICOM, of what came as DICOM: through the API, a worker and the client."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import Engine, event, update

from api.callers import local_caller
from api.services import Services
from neurobatch.client import Client, RequestRefused
from neurobatch.commands.results import results
from neurobatch.phantoms import draw_head
from shared.db.models import Scan, Study
from shared.db.session import transaction
from shared.domain import ScanState, StudyKind
from shared.settings import Settings
from tests.dicom_verifier import errors_in
from tests.drawn_dicom import INSTANCE, SECRETS, STUDY, draw_dicom
from tests.integration.http_servers import served
from tests.integration.submissions import finish, png, submit, upload
from tests.integration.test_api import assert_problem, scans_of
from tests.integration.test_dicom import classify

HEAD = draw_head(1)[::4, ::4]
SLICES = [
    draw_dicom(np.roll(HEAD, number, axis=0), SOPInstanceUID=f"{INSTANCE}.{number}", InstanceNumber=str(number))
    for number in (1, 2)
]


def submit_slices(client: FlaskClient, *more: bytes) -> tuple[str, list[UUID]]:
    """A batch of one study; the study's id and its scans'."""
    given = [upload(f"{n}.dcm", data) for n, data in enumerate([*SLICES, *more])]
    scans = scans_of(client, submit(client, *given))
    return scans[0]["study_id"], [UUID(scan["id"]) for scan in scans]


def finish_with_overlays(client: FlaskClient, engine: Engine, ids: list[UUID]) -> None:
    services: Services = client.application.extensions[Services.EXTENSION]
    services.store.write("artifacts/overlay.jpg", small_jpeg())
    finish(engine, ids, overlay_path="artifacts/overlay.jpg")


def small_jpeg() -> bytes:
    encoded = io.BytesIO()
    Image.new("RGB", (40, 30), (90, 20, 10)).save(encoded, "JPEG")
    return encoded.getvalue()


def test_a_worker_s_results_become_files_of_the_study(
    client: FlaskClient, settings: Settings, engine: Engine, tmp_path: Path
) -> None:
    study, ids = submit_slices(client)
    classify(settings, engine, ids)
    paths = [f"/v1/scans/{scan}/result.dcm" for scan in ids] + [f"/v1/studies/{study}/report.dcm"]
    for number, path in enumerate(paths):
        answer = client.get(path)
        assert (answer.status_code, answer.mimetype) == (200, "application/dicom")
        assert not [secret for secret in SECRETS if secret in answer.data]
        assert client.get(path).data == answer.data
        assert client.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
        (tmp_path / f"{number}.dcm").write_bytes(answer.data)
        assert errors_in(tmp_path / f"{number}.dcm") == []
        assert pydicom.dcmread(io.BytesIO(answer.data)).StudyInstanceUID == STUDY
    overlay = pydicom.dcmread(tmp_path / "0.dcm")
    assert client.get(f"/v1/scans/{ids[0]}/overlay").data in overlay.PixelData
    assert overlay.SourceImageSequence[0].ReferencedSOPInstanceUID == f"{INSTANCE}.1"
    (evidence,) = pydicom.dcmread(tmp_path / "2.dcm").CurrentRequestedProcedureEvidenceSequence
    referred = [item.ReferencedSOPInstanceUID for item in evidence.ReferencedSeriesSequence[0].ReferencedSOPSequence]
    assert referred == [f"{INSTANCE}.1", f"{INSTANCE}.2"]


def test_what_did_not_come_as_dicom_has_no_such_result(client: FlaskClient, engine: Engine) -> None:
    (scan,) = scans_of(client, submit(client, upload("a.png", png(1))))
    assert_problem(client.get(f"/v1/scans/{scan['id']}/result.dcm"), 409, "not_dicom")
    finish(engine, [UUID(scan["id"])])
    assert_problem(client.get(f"/v1/scans/{scan['id']}/result.dcm"), 409, "not_dicom")


def test_a_study_of_another_format_has_no_report(client: FlaskClient, engine: Engine) -> None:
    study, _ = submit_slices(client)
    with transaction(engine) as session:
        session.execute(update(Study).values(kind=StudyKind.NIFTI))
    assert_problem(client.get(f"/v1/studies/{study}/report.dcm"), 409, "not_dicom")


def test_without_a_result_there_is_none_as_dicom(client: FlaskClient, engine: Engine) -> None:
    study, ids = submit_slices(client)
    for path in (f"/v1/scans/{ids[0]}/result.dcm", f"/v1/studies/{study}/report.dcm"):
        assert_problem(client.get(path), 409, "no_result")
    finish(engine, ids, ScanState.FAILED)
    for path in (f"/v1/scans/{ids[0]}/result.dcm", f"/v1/studies/{study}/report.dcm"):
        assert_problem(client.get(path), 409, "no_result")
    (rejected,) = scans_of(client, submit(client, upload("ct", draw_dicom(HEAD, Modality="CT"))))
    assert_problem(client.get(f"/v1/scans/{rejected['id']}/result.dcm"), 409, "no_result")


def test_a_report_tells_of_slices_that_failed(client: FlaskClient, engine: Engine) -> None:
    study, ids = submit_slices(client)
    finish(engine, ids[:1])
    assert_problem(client.get(f"/v1/studies/{study}/report.dcm"), 409, "no_result")
    finish(engine, ids[1:], ScanState.FAILED)
    report = client.get(f"/v1/studies/{study}/report.dcm").data
    assert b"unknown" in report, "the version of a model whose bundle is not at hand"
    assert b"1 of 2 slices were assessed. Without a result and not in this report: 1 failed." in report


def test_only_so_many_reports_are_made_at_once(client_with: Callable[..., FlaskClient], engine: Engine) -> None:
    client = client_with(max_reports=1)
    study, ids = submit_slices(client)
    finish(engine, ids)
    services: Services = client.application.extensions[Services.EXTENSION]
    with services.reports.hold(local_caller(None)), no_scan_is_read(services.engine):
        busy = client.get(f"/v1/studies/{study}/report.dcm")
        assert_problem(busy, 503, "too_many_reports")
        assert "Retry-After" in busy.headers
    assert client.get(f"/v1/studies/{study}/report.dcm").status_code == 200


def test_only_so_many_studies_are_read_at_once(client_with: Callable[..., FlaskClient]) -> None:
    client = client_with(max_studies=1)
    study, _ = submit_slices(client)
    services: Services = client.application.extensions[Services.EXTENSION]
    with services.studies.hold(local_caller(None)), no_scan_is_read(services.engine):
        busy = client.get(f"/v1/studies/{study}")
        assert_problem(busy, 503, "too_many_studies")
        assert "Retry-After" in busy.headers
    assert len(client.get(f"/v1/studies/{study}").get_json()["slices"]) == 2


@contextmanager
def no_scan_is_read(engine: Engine) -> Iterator[None]:
    """Thousands of rows may be a study's, so a request that is refused reads none."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert not [statement for statement in asked if "FROM scans" in statement]
    assert asked, "something was looked up"


def test_the_client_saves_both_kinds(client: FlaskClient, engine: Engine, tmp_path: Path) -> None:
    accepted = submit(client, *(upload(f"{n}.dcm", data) for n, data in enumerate(SLICES)), upload("beside.png"))
    scans = scans_of(client, accepted)
    finish_with_overlays(client, engine, [UUID(scan["id"]) for scan in scans])
    with served(client.application) as url, Client(url) as remote:  # type: ignore[arg-type]
        paths = remote.download_dicom(accepted.get_json()["id"], tmp_path / "dicom")
        assert [path.name for path in paths] == [
            f"{scans[0]['id']}.result.dcm",
            f"{scans[1]['id']}.result.dcm",
            f"{scans[0]['study_id']}.report.dcm",
        ]
        assert paths[0].read_bytes() == remote.result_dicom(scans[0]["id"])
        assert paths[2].read_bytes() == remote.study_report(scans[0]["study_id"])
        for path in paths:
            path.write_bytes(b"here")
        assert remote.download_dicom(accepted.get_json()["id"], tmp_path / "dicom") == paths
        assert [path.read_bytes() == b"here" for path in paths] == [True, True, False]  # a report may have changed
        with pytest.raises(RequestRefused) as refused:
            remote.result_dicom(scans[2]["id"])
        again = tmp_path / "again"
        said = CliRunner().invoke(results, [accepted.get_json()["id"], "--url", url, "--dicom", str(again)])
        assert (said.exit_code, said.stderr.strip()) == (0, f"3 DICOM files are in {again}.")
        assert sorted(path.name for path in again.iterdir()) == sorted(path.name for path in paths)
    assert refused.value.problem["code"] == "not_dicom"


def test_a_scan_of_before_there_were_studies_has_its_result(client: FlaskClient, engine: Engine) -> None:
    _, ids = submit_slices(client)
    finish_with_overlays(client, engine, ids)
    with transaction(engine) as session:
        session.execute(update(Scan).values(study_id=None))
    assert pydicom.dcmread(io.BytesIO(client.get(f"/v1/scans/{ids[0]}/result.dcm").data)).StudyInstanceUID == STUDY
