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
_ID = re.compile(r"[0-9a-f-]+")


def heatmap_file_name(scan: Scan, kind: HeatmapKind) -> str:
    """The scan's id, what is harmless of its file's name, and an ending: `019….tumour_3.overlay.jpg`.

    >>> heatmap_file_name({"id": "019a2b-7c", "filename": "../a b/c:d.png"}, "heatmap")
    '019a2b-7c.c_d.heatmap.png'

    Raises ValueError for an id that is none.
    """
    stem = PurePosixPath(scan["filename"].replace("\\", "/")).stem
    harmless = re.sub(r"[^A-Za-z0-9_-]+", "_", stem)[:_MAX_STEM_CHARS].strip("_")
    return ".".join(part for part in (id_in_a_name(scan["id"]), harmless) if part) + _ENDINGS[kind]


def id_in_a_name(told: str) -> str:
    """An id as part of a file's name; ValueError for what is none, which may lead out of the folder."""
    if not _ID.fullmatch(told):
        raise ValueError(f"the service names a scan or study by what is no id: {told[:100]!r}")
    return told
