from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurobatch.heatmap_files import heatmap_file_name


def scan(filename: str) -> Any:
    return {"id": "019a", "filename": filename}


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("deeper/a.png", "019a.a.overlay.jpg"),
        ("../../etc/passwd", "019a.passwd.overlay.jpg"),
        ("C:\\x\\tumour 3.tiff", "019a.tumour_3.overlay.jpg"),
        ("Köpfe.png", "019a.K_pfe.overlay.jpg"),
        ("...", "019a.overlay.jpg"),
    ],
)
def test_the_name_is_told_by_id_and_what_is_harmless(filename: str, expected: str) -> None:
    assert heatmap_file_name(scan(filename), "overlay") == expected


@pytest.mark.parametrize("told", ["", "../019a", "/tmp/019a", "019a.b"])
def test_what_is_no_id_makes_no_name(told: str) -> None:
    with pytest.raises(ValueError, match="no id"):
        heatmap_file_name(scan("a.png") | {"id": told}, "heatmap")


@given(st.text())
def test_no_name_leaves_the_folder(filename: str) -> None:
    name = heatmap_file_name(scan(filename), "heatmap.npy")
    assert name.startswith("019a.")
    assert name.endswith(".heatmap.npy")
    assert Path(name).name == name
    assert name.isascii()
    assert name.isprintable()
    assert len(name) < 100
