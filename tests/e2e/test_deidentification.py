"""DICOM series and NIfTI volumes through the whole service as a user sends them: studies, and no name anywhere."""

from __future__ import annotations

import gzip
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from neurobatch.phantoms import draw_head
from tests import drawn_dicom, drawn_nifti
from tests.drawn_dicom import coded, draw_dicom
from tests.drawn_nifti import draw_head_volume, draw_nifti
from tests.e2e.running import clean_environment, command, running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
SECRETS = (*drawn_dicom.SECRETS, *drawn_nifti.SECRETS)
HEAD = draw_head(1)[::2, ::2].astype(np.uint16) * 257


def write_patient(folder: Path) -> Path:
    """A folder as it comes from an archive: a series without extensions, a file of frames, a volume, a broken file."""
    series = folder / "DICOM" / "SE000001"
    series.mkdir(parents=True)
    for number, height in enumerate((12, 0, 6), start=1):
        data = draw_dicom(
            HEAD,
            InstanceNumber=number,
            SOPInstanceUID=f"1.2.3.{number}",
            ImagePositionPatient=[0, 0, height],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            BurnedInAnnotation="YES" if number == 1 else "NO",
        )
        (series / f"IM{number:06}").write_bytes(coded(data, "jpeg lossless") if number == 2 else data)
    frames = draw_dicom(np.stack([HEAD, HEAD]), SeriesInstanceUID="1.2.3.4.9")
    (folder / "frames.dcm").write_bytes(frames)
    (folder / "cut.dcm").write_bytes(frames[:-1000])
    (folder / "head.nii.gz").write_bytes(gzip.compress(draw_nifti(draw_head_volume(4))))
    (folder / "fmri.nii").write_bytes(draw_nifti(np.zeros((40, 40, 3, 2), np.int16)))
    return folder


def test_a_patients_folder_becomes_studies_and_the_patient_is_found_nowhere(tmp_path: Path) -> None:
    folder, data_dir = write_patient(tmp_path / "scans"), tmp_path / "data"
    sent = b"".join(gzip.decompress(p.read_bytes()) if p.suffix == ".gz" else p.read_bytes() for p in files_in(folder))
    assert [secret for secret in SECRETS if secret not in sent] == [], "the test marks less than it looks for"
    with running(data_dir) as service:
        submitted = subprocess.run(
            [command("neurobatch"), "submit", str(folder), "--wait", "--url", service.url],
            env=clean_environment({"XDG_STATE_HOME": str(tmp_path / "state")}),
            capture_output=True,
            check=False,
        )
        (batch,) = service.client.batches()
        studies = {head["filename"]: service.client.study(head["id"]) for head in service.client.studies(batch["id"])}
        scans = list(service.client.results(batch["id"]))
        log = "".join(map(str, (scans, studies, submitted.stdout, submitted.stderr)))
    assert {name: (study["kind"], study["total"]) for name, study in studies.items()} == {
        "DICOM/SE000001/IM000002": ("dicom", 3),
        "frames.dcm": ("dicom", 2),
        "head.nii.gz": ("nifti", 4),
    }
    series = studies["DICOM/SE000001/IM000002"]
    assert [scan["filename"][-1] for scan in series["slices"]] == ["2", "3", "1"]
    assert [scan["state"] for scan in series["slices"]] == ["succeeded"] * 3
    assert [scan["warnings"] for scan in series["slices"]] == [[], [], ["burnt_in_annotation"]]
    assert len(series["summary"]["suspicious"]) == 3
    rejected = {scan["filename"]: scan["code"] for scan in scans if scan["study_id"] is None}
    assert rejected == {"cut.dcm": "truncated_image", "fmri.nii": "several_volumes"}
    with closing(sqlite3.connect(data_dir / "neurobatch.db")) as database:
        dump = "\n".join(database.iterdump())
    kept = b"".join(path.read_bytes() for path in files_in(data_dir)) + (dump + log).encode()
    assert series["series_uid"] is not None
    assert series["series_uid"].encode() in kept
    assert [secret for secret in SECRETS if secret in kept] == []


def files_in(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]
