"""What downloaded heatmaps are called: names of our own making, since a scan's file name is whatever a client sent."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Literal

from neurobatch.documents import Scan

HeatmapKind = Literal["heatmap", "overlay", "heatmap.npy"]
_ENDINGS: dict[HeatmapKind, str] = {
    "heatmap": ".heatmap.png",
    "overlay": ".overlay.jpg",
    "heatmap.npy": ".heatmap.npy",
}
_MAX_STEM_CHARS = 60


def heatmap_file_name(scan: Scan, kind: HeatmapKind) -> str:
    """The scan's id, what is harmless of its file's name, and an ending: `019….tumour_3.overlay.jpg`.

    >>> heatmap_file_name({"id": "019", "filename": "../a b/c:d.png"}, "heatmap")
    '019.c_d.heatmap.png'
    """
    stem = PurePosixPath(scan["filename"].replace("\\", "/")).stem
    harmless = re.sub(r"[^A-Za-z0-9_-]+", "_", stem)[:_MAX_STEM_CHARS].strip("_")
    return ".".join(part for part in (scan["id"], harmless) if part) + _ENDINGS[kind]
