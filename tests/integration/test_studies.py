"""Studies through the API: series and volumes put together, their slices in order, and what they come to."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from sqlalchemy import Engine, func, select
from werkzeug.test import TestResponse

from api.scan_filters import ScanFilter
from api.scan_orders import ScanSort
from api.scan_pages import PageQueries
from neurobatch.phantoms import draw_head
from shared.db.models import Study
from shared.db.session import make_engine, reading
from shared.domain import ScanState, TumorClass
from shared.settings import Settings
from tests.drawn_dicom import draw_dicom
from tests.drawn_nifti import SECRETS, draw_head_volume, draw_nifti
from tests.integration.submissions import finish, png, submit, upload
from tests.integration.test_api import assert_problem, scans_of
from tests.integration.test_dicom import classify, everything_kept

HEAD = draw_head(1)[::4, ::4]
AXIAL = [1, 0, 0, 0, 1, 0]


def series_file(uid: str, *, z: float, number: int, **changes: Any) -> bytes:
    """One slice at a height of `z` millimetres."""
    return draw_dicom(
        HEAD,
        SeriesInstanceUID=uid,
        SOPInstanceUID=f"{uid}.{number}",
        InstanceNumber=number,
        ImagePositionPatient=[0, 0, z],
        ImageOrientationPatient=AXIAL,
        **changes,
    )


def studies_of(client: FlaskClient, accepted: TestResponse) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.get(f"{accepted.headers['Location']}/studies").get_json()["items"]
    return items


def study_of(client: FlaskClient, study_id: str) -> dict[str, Any]:
    study: dict[str, Any] = client.get(f"/v1/studies/{study_id}").get_json()
    return study


def test_series_in_files_folders_and_archives_are_studies_in_anatomical_order(client: FlaskClient) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("z/IM1", series_file("1.2", z=-4, number=9))
    accepted = submit(
        client,
        upload("t1/b", series_file("1.2", z=4, number=1)),
        upload("other.dcm", series_file("1.3", z=0, number=1)),
        upload("alone.dcm", draw_dicom(HEAD, SeriesInstanceUID=None)),
        upload("beside.png"),
        upload("t1/a", series_file("1.2", z=0, number=5)),
        upload("zipped.zip", packed.getvalue()),
        upload("no.dcm", series_file("1.2", z=1, number=2, Modality="CT")),
    )
    listed = studies_of(client, accepted)
    assert [(study["filename"], study["total"], study["series_uid"]) for study in listed] == [
        ("z/IM1", 3, "1.2"),
        ("other.dcm", 1, "1.3"),
        ("alone.dcm", 1, None),
    ]
    study = study_of(client, listed[0]["id"])
    assert [scan["filename"] for scan in study["slices"]] == ["z/IM1", "t1/a", "t1/b"]
    assert [scan["slice_index"] for scan in study["slices"]] == [0, 1, 2]
    assert (study["kind"], study["study_uid"], study["frame_of_reference_uid"]) == ("dicom", "1.2.3.4.1", "1.2.3.4.4")
    assert study["counts"]["queued"] == 3
    scans = {scan["filename"]: scan for scan in scans_of(client, accepted)}
    assert {name for name, scan in scans.items() if scan["study_id"] is None} == {"beside.png", "no.dcm"}


def test_frames_are_slices_ordered_by_their_own_places(client: FlaskClient) -> None:
    frames = []
    for height in (5, 10, 0):
        place, plane, frame = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient, plane.ImageOrientationPatient = [0, 0, height], AXIAL
        frame.PlanePositionSequence, frame.PlaneOrientationSequence = Sequence([place]), Sequence([plane])
        frames.append(frame)
    data = draw_dicom(np.stack([HEAD] * 3), PerFrameFunctionalGroupsSequence=Sequence(frames))
    (listed,) = studies_of(client, submit(client, upload("three.dcm", data)))
    assert [scan["frame"] for scan in study_of(client, listed["id"])["slices"]] == [2, 0, 1]


def test_positions_that_are_missing_repeated_or_absurd_fail_nothing(client: FlaskClient) -> None:
    files = [
        series_file("1.2", z=1, number=3),
        series_file("1.2", z=1, number=1),
        series_file("1.2", z=1, number=1),
        draw_dicom(HEAD, SeriesInstanceUID="1.2", ImageOrientationPatient=[0] * 6, ImagePositionPatient=["1e99"] * 3),
        draw_dicom(HEAD, SeriesInstanceUID="1.2", FrameOfReferenceUID=None),
    ]
    accepted = submit(client, *(upload(str(number), data) for number, data in enumerate(files)))
    (listed,) = studies_of(client, accepted)
    study = study_of(client, listed["id"])
    assert [scan["filename"] for scan in study["slices"]] == ["0", "1", "2", "3", "4"]


def test_the_most_suspicious_slices_come_first(client: FlaskClient, engine: Engine) -> None:
    accepted = submit(client, *(upload(str(n), series_file("1.2", z=n, number=n)) for n in range(1, 7)))
    ids = [UUID(scan["id"]) for scan in scans_of(client, accepted)]
    told = {
        0: (TumorClass.NOTUMOR, 0.1, False),
        1: (TumorClass.GLIOMA, 0.9, True),
        2: (TumorClass.PITUITARY, 0.9, False),
        3: (TumorClass.PITUITARY, 0.8, True),
    }
    for number, (label, tumour, review) in told.items():
        probabilities = dict.fromkeys(TumorClass, 0.0) | {TumorClass.NOTUMOR: 1 - tumour}
        probabilities[label] = max(probabilities[label], tumour)
        finish(engine, [ids[number]], label=label, probabilities=probabilities, needs_review=review)
    finish(engine, [ids[4]], ScanState.REJECTED)
    (listed,) = studies_of(client, accepted)
    study = study_of(client, listed["id"])
    assert study["labels"] == {"glioma": 1, "meningioma": 0, "pituitary": 2, "notumor": 1} == listed["labels"]
    assert study["counts"] == listed["counts"]
    assert {state: n for state, n in study["counts"].items() if n} == {"queued": 1, "succeeded": 4, "rejected": 1}
    summary = study["summary"]
    assert (summary["leading_label"], summary["needs_review"]) == ("pituitary", 2)
    assert [found["slice_index"] for found in summary["suspicious"]] == [1, 2, 3, 0]
    assert summary["suspicious"][0]["tumour_probability"] == pytest.approx(0.9)
    assert summary["suspicious"][0]["needs_review"]


def test_lists_are_filtered_by_study_and_exports_name_it(client: FlaskClient) -> None:
    files = [series_file(uid, z=0, number=n) for n, uid in enumerate(("1.2", "1.3", "1.2"))]
    accepted = submit(client, *(upload(str(n), data) for n, data in enumerate(files)))
    first, second = (study["id"] for study in studies_of(client, accepted))
    for path in ("/v1/scans", f"{accepted.headers['Location']}/scans"):
        found = client.get(f"{path}?study={first}").get_json()["items"]
        assert {scan["filename"] for scan in found} == {"0", "2"}
    assert_problem(client.get(f"/v1/scans?study={UUID(int=0)}"), 404, "not_found")
    assert_problem(client.get(f"/v1/studies/{UUID(int=0)}"), 404, "not_found")
    csv = client.get(f"{accepted.headers['Location']}/results.csv").text
    assert (csv.count(first), csv.count(second)) == (2, 1)


def test_studies_are_paged(client: FlaskClient) -> None:
    accepted = submit(client, *(upload(str(n), series_file(f"1.{n}", z=0, number=1)) for n in range(5)))
    path, seen, cursor = f"{accepted.headers['Location']}/studies?limit=2", [], ""
    while True:
        page = client.get(path + cursor).get_json()
        seen += [study["filename"] for study in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == list("01234")


def test_studies_go_with_their_batch(client: FlaskClient, engine: Engine) -> None:
    accepted = submit(
        client, upload("a", series_file("1.2", z=0, number=1)), upload("b.nii", draw_nifti(HEAD[..., None]))
    )
    assert len(studies_of(client, accepted)) == 2
    client.delete(accepted.headers["Location"])
    with reading(engine) as session:
        assert session.scalar(select(func.count()).select_from(Study)) == 0


def test_burnt_in_text_is_warned_of(client: FlaskClient) -> None:
    captured = "1.2.840.10008.5.1.4.1.1.7"
    files = [draw_dicom(HEAD, BurnedInAnnotation=said) for said in ("YES", "NO")] + [draw_dicom(HEAD), png()]
    files += [draw_dicom(HEAD, SOPClassUID=uid) for uid in (captured, f"{captured}.2")]
    files += [draw_dicom(HEAD, SOPClassUID=captured, BurnedInAnnotation="NO")]
    accepted = submit(client, *(upload(str(n), data) for n, data in enumerate(files)))
    warnings = [["burnt_in_annotation"], [], [], [], ["secondary_capture"], ["secondary_capture"], []]
    assert [scan["warnings"] for scan in scans_of(client, accepted)] == warnings
    first, second, *_ = client.get(f"{accepted.headers['Location']}/results.csv").text.splitlines()[1:]
    assert "burnt_in_annotation" in first
    assert "burnt_in_annotation" not in second


def test_a_volume_is_one_study_of_its_slices(client: FlaskClient, settings: Settings, engine: Engine) -> None:
    data = gzip.compress(draw_nifti(draw_head_volume(5)))
    assert any(secret in gzip.decompress(data) for secret in SECRETS)
    accepted = submit(client, upload("head.nii.gz", data))
    (listed,) = studies_of(client, accepted)
    assert (listed["kind"], listed["filename"], listed["total"]) == ("nifti", "head.nii.gz", 5)
    slices = study_of(client, listed["id"])["slices"]
    assert [(scan["frame"], scan["slice_index"], scan["filename"]) for scan in slices] == [
        (number, number, "head.nii.gz") for number in range(5)
    ]
    classify(settings, engine, [UUID(scan["id"]) for scan in slices])
    slices = study_of(client, listed["id"])["slices"]
    assert [scan["state"] for scan in slices] == ["rejected", *["succeeded"] * 3, "rejected"]
    assert {scan["code"] for scan in slices} == {None, "no_brain_found"}
    with Image.open(io.BytesIO(client.get(f"/v1/scans/{slices[1]['id']}/image").data)) as image:
        assert image.size == draw_head(0)[::4, ::4].shape[::-1]
    kept = everything_kept(settings, engine)
    assert [secret for secret in SECRETS if secret in kept] == []


def test_volumes_that_are_none_are_rejected_and_not_kept(client: FlaskClient, settings: Settings) -> None:
    files = {
        "fmri.nii": (draw_nifti(np.zeros((33, 33, 2, 9), np.uint8)), "several_volumes"),
        "line.nii": (draw_nifti(np.zeros(99, np.uint8)), "not_a_volume"),
        "cut.nii.gz": (gzip.compress(draw_nifti(draw_head_volume()))[:-5000], "truncated_image"),
        "small.nii": (draw_nifti(np.zeros((20, 20, 20), np.uint8)), "image_too_small"),
        "long.nii": (draw_nifti(np.zeros((32, 200, 2), np.uint8)), "image_too_narrow"),
    }
    accepted = submit(client, *(upload(name, data) for name, (data, _) in files.items()))
    scans = scans_of(client, accepted)
    assert {scan["filename"]: scan["code"] for scan in scans} == {name: code for name, (_, code) in files.items()}
    assert studies_of(client, accepted) == []
    assert not list(settings.data_dir.glob("uploads/*/*"))
    assert not list((settings.data_dir / "staging").rglob("*"))


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ({"max_volume_bytes": 100_000}, "volume_too_large"),
        ({"max_frames_per_file": 4}, "too_many_frames"),
        ({"max_batch_bytes": 300_000}, "batch_too_large"),
        ({"max_pixels": 5_000}, "image_too_large"),
    ],
)
def test_volumes_are_held_to_the_limits(
    client_with: Callable[..., FlaskClient], limit: dict[str, int], code: str
) -> None:
    voxels = np.zeros((128, 128, 20), np.uint8)
    client = client_with(**limit)
    (scan,) = scans_of(client, submit(client, upload("a.nii.gz", gzip.compress(draw_nifti(voxels)))))
    assert scan["code"] == code


def test_a_volume_counts_once_in_its_batch(client_with: Callable[..., FlaskClient]) -> None:
    """Packed or not, by what it is unpacked; nothing of it twice."""
    whole = draw_nifti(draw_head_volume(4))
    several = [upload(f"{n}.nii", whole) for n in range(3)]
    client = client_with(max_batch_bytes=3 * len(whole) + 1000)
    assert {scan["code"] for scan in scans_of(client, submit(client, *several))} == {None}

    def packed(count: int) -> list[Any]:
        return [upload(f"{n}.nii.gz", gzip.compress(whole)) for n in range(count)]

    assert {scan["code"] for scan in scans_of(client, submit(client, *packed(3)))} == {None}
    assert {scan["code"] for scan in scans_of(client, submit(client, *packed(4)))} == {None, "batch_too_large"}


def test_a_dry_run_judges_each_slice(client: FlaskClient) -> None:
    files = [upload("a.nii", draw_nifti(draw_head_volume(3)))]
    verdicts = client.post("/v1/batches?dry_run=1", data={"files": files}).get_json()["files"]
    assert [(verdict["frame"], verdict["verdict"]) for verdict in verdicts] == [(n, "accepted") for n in range(3)]


def test_a_real_head_is_one_study(client: FlaskClient, settings: Settings, engine: Engine, datasets: Path) -> None:
    """Slices of a healthy head: each comes to an end that makes sense."""
    data = (datasets / "volumes" / "healthy-t1.nii.gz").read_bytes()
    accepted = submit_large(client, "healthy-t1.nii.gz", data)
    (listed,) = studies_of(client, accepted)
    assert listed["total"] == 190
    slices = study_of(client, listed["id"])["slices"]
    classify(settings, engine, [UUID(scan["id"]) for scan in slices[::10]])
    ended = study_of(client, listed["id"])["slices"][::10]
    assert {scan["state"] for scan in ended} <= {"succeeded", "rejected"}
    assert {scan["code"] for scan in ended} <= {None, "no_brain_found", "not_a_brain_mri"}
    middle = ended[8:14]
    assert [scan["state"] for scan in middle] == ["succeeded"] * len(middle)


def submit_large(client: FlaskClient, name: str, data: bytes) -> TestResponse:
    """A form as it is sent: the test client would leave a file of over 500 KB open."""
    head = f'--b\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
    return client.post(
        "/v1/batches", data=head + data + b"\r\n--b--\r\n", content_type="multipart/form-data; boundary=b"
    )


@pytest.mark.parametrize(
    "asked",
    [{}, {"state": ScanState.SUCCEEDED}, {"label": TumorClass.GLIOMA, "needs_review": True}, {"batch": UUID(int=2)}],
)
def test_slices_are_found_by_their_study_whatever_else_is_asked(migrated_sqlite: Path, asked: dict[str, Any]) -> None:
    engine = make_engine(f"sqlite:///{migrated_sqlite}")
    wanted = ScanFilter("p", study=UUID(int=1), **asked)
    page = PageQueries(wanted, sort=ScanSort.ID_DOWN, behind=None, dialect="sqlite")
    query = page.of_results() if wanted.about_result else page.of_scans()
    text = str(query.compile(engine, compile_kwargs={"literal_binds": True}))
    with engine.connect() as connection:
        plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all())
    engine.dispose()
    assert "SEARCH scans USING INDEX ix_scans_study_id_slice_index" in plan
    assert "SCAN" not in plan
