"""Checks that a rival did the same work: one row for each scan, with our label, and two files that can be read."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.rivals.results import Row
from benchmarks.scans import SIDE_PX

_SUM_TOLERANCE = 1e-3


class NotTheSameWork(Exception):
    """A rival left out or got wrong something that neurobatch does; its speed would mean nothing."""


def check(rival: str, rows: Sequence[Row], expected: Mapping[str, str]) -> None:
    """Hold a rival's rows and files against the labels that our own pipeline gives, by file name.

    Raises NotTheSameWork at the first difference.
    """
    counted = Counter(row.scan for row in rows)
    wrong = [scan for scan in expected.keys() | counted.keys() if counted[scan] != 1 or scan not in expected]
    if wrong:
        raise NotTheSameWork(f"{rival}: not one row for each scan, see {min(wrong)} ({counted[min(wrong)]} rows)")
    if len({row.overlay for row in rows} | {row.map for row in rows}) != 2 * len(rows):
        raise NotTheSameWork(f"{rival}: scans share files")
    for row in rows:
        fault = _fault_of(row, expected[row.scan])
        if fault:
            raise NotTheSameWork(f"{rival}, {row.scan}: {fault}")


def _fault_of(row: Row, label: str) -> str | None:
    if row.label != label:
        return f"the label is {row.label}, ours {label}"
    if not math.isclose(sum(row.probabilities), 1, abs_tol=_SUM_TOLERANCE):
        return f"the probabilities sum to {sum(row.probabilities)}"
    try:
        with Image.open(row.overlay) as overlay:
            size = overlay.size
        heat = np.load(Path(row.map), allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        return f"a file is missing or broken: {error}"
    if min(size) < SIDE_PX:
        return f"the overlay has {size[0]} x {size[1]} pixels, the scan {SIDE_PX} x {SIDE_PX}"
    if heat.ndim != 2 or not np.isfinite(heat).all() or heat.min() < 0 or heat.max() > 1:
        return "the map is no picture of numbers between 0 and 1"
    return None
