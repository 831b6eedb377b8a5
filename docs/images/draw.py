"""Draws the README's picture from a real run: `neurobatch demo --data-dir D | tee D/demo.txt`, then this with D.

python docs/images/draw.py D docs/images/demo.png
"""

from __future__ import annotations

import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
from PIL import Image

_SHOWN_LINES = 16
_SHOWN_SCANS = (0, 2, 4, 6, 12)
_INK, _PAPER = "#e6e6e6", "#14161a"


def draw(data_dir: Path, target: Path) -> None:
    """The demo's output above five of its overlays."""
    lines = (data_dir / "demo.txt").read_text().splitlines()
    half = _SHOWN_LINES // 2
    shown = [_shortened(line.replace(str(data_dir), "DATA_DIR")) for line in [*lines[:half], "...", *lines[-half:]]]
    with closing(sqlite3.connect(data_dir / "neurobatch.db")) as database:
        query = "SELECT overlay_path FROM predictions JOIN scans ON scan_id = id ORDER BY filename"
        paths = [path for (path,) in database.execute(query)]
    figure = plt.figure(figsize=(14, 6.4), facecolor=_PAPER)
    figure.text(0.02, 0.97, "$ make demo\n" + "\n".join(shown), family="monospace", size=8.5, color=_INK, va="top")
    for column, at in enumerate(_SHOWN_SCANS):
        axes = figure.add_axes((0.02 + 0.195 * column, 0.0, 0.18, 0.52))
        with Image.open(data_dir / paths[at]) as overlay:
            axes.imshow(overlay)
        axes.axis("off")
    figure.savefig(target, dpi=80, facecolor=_PAPER)


def _shortened(line: str) -> str:
    """Ids by their ends: a picture is no place to copy them from."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{14}-[0-9a-f]{8}([0-9a-f]{4})", r"..\1", line).rstrip()


if __name__ == "__main__":
    draw(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
