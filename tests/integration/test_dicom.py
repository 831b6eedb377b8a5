"""DICOM files through the API and a worker: scans like any other, and their patients known nowhere afterwards."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image
from pydicom.encaps import encapsulate
from sqlalchemy import Engine, MetaData, select

from neurobatch.phantoms import draw_head
from shared.artifacts import LocalArtifactStore
from shared.clock import utc_now
from shared.decoder import Decoder
from shared.settings import Settings
from tests.drawn_dicom import SECRETS, coded, draw_dicom
from tests.integration.submissions import png, submit, upload
from tests.integration.test_api import scans_of
from worker import processing
from worker.inference.model import load_model
from worker.inference.pipeline import Pipeline
from worker.runtime import Runtime

JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
HEAD = draw_head(1)[::2, ::2]  # small, as the test client leaves files of over 500 KB open
DEEP = HEAD.astype(np.uint16) * 257


def classify(settings: Settings, engine: Engine, ids: list[UUID]) -> None:
    model = load_model(settings.model_dir)
    with Decoder(settings) as decoder:
        runtime = Runtime(
            worker="w",
            model=model.name,
            settings=settings,
            engine=engine,
            store=LocalArtifactStore(settings.data_dir),
            pipeline=Pipeline(model, max_pixels=settings.max_pixels, reader=decoder),
            clock=utc_now,
        )
        processing.process_scans(runtime, ids)


def everything_kept(settings: Settings, engine: Engine) -> bytes:
    """Every file below the data directory, and every row of the database."""
    kept = b"".join(path.read_bytes() for path in sorted(settings.data_dir.rglob("*")) if path.is_file())
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        rows = [repr(row) for table in tables.sorted_tables for row in connection.execute(select(table))]
    return kept + "\n".join(rows).encode()


def test_dicom_files_are_scans_and_their_patients_are_kept_nowhere(
    client: FlaskClient, settings: Settings, engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("series/IM0001", coded(draw_dicom(DEEP), "jpeg lossless"))
        archive.writestr("series/IM0002.dcm", draw_dicom(HEAD)[:-100])
    inverted = draw_dicom(255 - HEAD, PhotometricInterpretation="MONOCHROME1")
    given = {
        "eight.dcm": draw_dicom(HEAD),
        "deep": draw_dicom(DEEP),
        "inverted": inverted,
        "three.dcm": coded(draw_dicom(np.stack([DEEP, DEEP[:, ::-1], DEEP])), "jpeg 2000"),
        "ct.dcm": draw_dicom(HEAD, Modality="CT"),
        "mosaic": draw_dicom(HEAD, ImageType=["ORIGINAL", "PRIMARY", "MOSAIC"]),
        "series.zip": packed.getvalue(),
        "beside.png": png(1),
    }
    assert all(all(secret in data for secret in SECRETS) for name, data in given.items() if "." not in name)
    accepted = submit(client, *(upload(name, data) for name, data in given.items()))
    ids = [UUID(scan["id"]) for scan in scans_of(client, accepted)]
    classify(settings, engine, ids)
    scans = scans_of(client, accepted)
    rejected = {scan["filename"]: scan["code"] for scan in scans if scan["state"] == "rejected"}
    assert rejected == {"ct.dcm": "not_a_brain_mri", "mosaic": "mosaic", "series/IM0002.dcm": "truncated_image"}
    assert "CT (computed tomography)" in next(s["message"] for s in scans if s["filename"] == "ct.dcm")
    succeeded = [scan for scan in scans if scan["state"] == "succeeded"]
    assert [(scan["filename"], scan["frame"]) for scan in succeeded] == [
        ("eight.dcm", 0),
        ("deep", 0),
        ("inverted", 0),
        ("three.dcm", 0),
        ("three.dcm", 1),
        ("three.dcm", 2),
        ("series/IM0001", 0),
        ("beside.png", 0),
    ]
    first, *others = (_shown(client, scan["id"]) for scan in succeeded[:3])
    assert all(np.abs(other - first).max() <= 1 for other in others)
    said = capfd.readouterr()
    kept = everything_kept(settings, engine) + (said.out + said.err + json.dumps(scans)).encode()
    assert [secret for secret in SECRETS if secret in kept] == []
    assert not list((settings.data_dir / "staging").rglob("*"))


def test_what_cannot_be_copied_is_not_kept(client: FlaskClient, settings: Settings) -> None:
    files = [draw_dicom(HEAD)[:end] for end in (200, 500, 5000)]
    scans = scans_of(client, submit(client, *(upload(f"{n}", data) for n, data in enumerate(files)), upload()))
    assert [scan["state"] for scan in scans] == ["rejected"] * 3 + ["queued"]
    assert [path.read_bytes() for path in settings.data_dir.glob("uploads/*/*")] == [png()]


def test_frames_are_counted_against_the_limit(client_with: Callable[..., FlaskClient]) -> None:
    client = client_with(max_frames_per_file=2)
    (scan,) = scans_of(client, submit(client, upload("a", draw_dicom(np.stack([HEAD] * 3)))))
    assert scan["code"] == "too_many_frames"


def test_frames_are_counted_before_they_are_copied(client_with: Callable[..., FlaskClient]) -> None:
    """The copy of what is none would tell that its pixels are not coded as it says."""
    no_frames = encapsulate([b"no frame"] * 3, has_bot=False)
    data = draw_dicom(np.stack([HEAD] * 3), syntax=JPEG_LOSSLESS, PixelData=no_frames)
    client = client_with(max_frames_per_file=2)
    (scan,) = scans_of(client, submit(client, upload("a", data)))
    assert scan["code"] == "too_many_frames"


def test_the_size_of_frames_is_told_once_and_none_is_copied(client: FlaskClient) -> None:
    (scan,) = scans_of(client, submit(client, upload("a", draw_dicom(np.zeros((5_000, 1, 1), np.uint8)))))
    assert (scan["state"], scan["code"]) == ("rejected", "image_too_small")


def test_a_dry_run_judges_dicom_and_keeps_none(client: FlaskClient, settings: Settings) -> None:
    files = [upload("good", draw_dicom(HEAD)), upload("ct", draw_dicom(HEAD, Modality="CT"))]
    verdicts = client.post("/v1/batches?dry_run=1", data={"files": files}).get_json()["files"]
    assert [(verdict["verdict"], verdict["code"]) for verdict in verdicts] == [
        ("accepted", None),
        ("rejected", "not_a_brain_mri"),
    ]
    assert [path for path in settings.data_dir.rglob("*") if path.is_file() and ".db" not in path.name] == []


def test_real_mosaics_are_rejected_on_arrival(client: FlaskClient, settings: Settings, datasets: Path) -> None:
    files = sorted(datasets.glob("volumes/*.dcm"))
    assert len(files) == 4
    for path in files:
        (scan,) = scans_of(client, submit(client, upload(path.name, path.read_bytes())))
        assert scan["code"] == "mosaic"
    assert not list(settings.data_dir.glob("uploads/*/*"))


def _shown(client: FlaskClient, scan_id: str) -> np.ndarray:
    with Image.open(io.BytesIO(client.get(f"/v1/scans/{scan_id}/image").data)) as image:
        return np.asarray(image, np.int64)
