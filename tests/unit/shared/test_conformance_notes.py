"""docs/dicom.md lists what the code reads and keeps, no more and no less."""

from __future__ import annotations

import re

from pydicom.datadict import dictionary_description
from pydicom.uid import UID

from shared.dicom_elements import TRANSFER_SYNTAXES, WANTED
from shared.domain import ScanWarning
from shared.nifti import VOXELS
from shared.settings import Settings
from tests.conftest import ROOT

NOTES = (ROOT / "docs" / "dicom.md").read_text()


def test_the_transfer_syntaxes_are_those_that_are_read() -> None:
    listed = dict(re.findall(r"^\| (1\.2\.840\.[\d.]+) \| (.+?) \|$", NOTES, flags=re.MULTILINE))
    assert set(listed) == TRANSFER_SYNTAXES
    for uid, name in listed.items():
        assert _letters(name)[:12] == _letters(UID(uid).name)[:12]


def test_the_elements_are_those_that_are_kept() -> None:
    listed = re.findall(r"^\| \((\w{4}),(\w{4})\) \| (.+?) \|$", NOTES, flags=re.MULTILINE)
    tags = [int(group + element, 16) for group, element, _ in listed]
    assert tags == sorted(tag for tag in WANTED if tag >> 16 != 2)
    assert [name for *_, name in listed] == [dictionary_description(tag) for tag in tags]


def test_voxels_warnings_and_limits_are_named_as_they_are() -> None:
    assert {kind[0] for kind in VOXELS.values()} == {"u", "i", "f"}
    assert {int(kind[1:]) * 8 for kind in VOXELS.values() if kind[0] != "f"} == {8, 16, 32, 64}
    assert {int(kind[1:]) * 8 for kind in VOXELS.values() if kind[0] == "f"} == {32, 64}
    assert all(f"`{warning}`" in NOTES for warning in ScanWarning)
    named = set(re.findall(r"`(max_\w+)`", NOTES))
    assert named
    assert named <= set(Settings.model_fields)


def _letters(text: str) -> str:
    return re.sub(r"\W", "", text).lower()
