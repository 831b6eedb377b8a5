"""Every stage but the network has its bare figure; and a folder's bytes are those that the disk gave."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np

from benchmarks.bare_codecs import measure_bare
from benchmarks.disk import disk_bytes
from benchmarks.scans import make_scans


def test_each_stage_has_a_figure_of_every_repetition(tmp_path: Path) -> None:
    scans = make_scans(tmp_path, 2)
    drawn = cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))[1].tobytes()
    results = [SimpleNamespace(overlay=drawn, heatmap_png=drawn)]
    found = measure_bare(scans, cast(Any, results), repetitions=3)
    assert set(found) == {"decode", "preprocess", "explain", "render"}
    assert all(one.repetitions == 3 and one.low > 0 for one in found.values())
    assert found["decode"].low > found["preprocess"].low


def test_a_folder_takes_whole_blocks(tmp_path: Path) -> None:
    for name in ("uploads", "artifacts"):
        (tmp_path / name / "batch").mkdir(parents=True)
    (tmp_path / "uploads" / "batch" / "0").write_bytes(b"x" * 10_000)
    found = disk_bytes(tmp_path)
    assert 10_000 <= found["uploads"] - found["artifacts"] <= 10_000 + 65_536
