"""What a network said of every scan, one row each: the table from which every figure is computed.

Kept as CSV beside the bundle, so that figures, plots and cards can be made again without training again. Rows
hold the names of public files and numbers, no pixels.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shared.domain import CLASSES, TumorClass

SCORES_FILE = "scores.csv"


@dataclass(frozen=True)
class HeatmapScore:
    """How one heatmap lies to the outline that a radiologist drew.

    `*_in_box`, `*_in_outline`: of the peak (1 or 0), of the map's energy (0 to 1), and of what needs no network:
    the picture's centre and brightest pixel (1 or 0) and a brain-uniform map (0 to 1: the chance of a random brain
    pixel). `iou`: of the outline and the map over half of its strongest cell. `*_iou`: of the outline and what needs
    no network: a disc as large as the outline around centre or brightest pixel, and the head. `area`: the outline's
    share of the picture.
    """

    area: float
    peak_in_box: float
    peak_in_outline: float
    energy_in_box: float
    energy_in_outline: float
    iou: float
    centre_in_box: float
    centre_in_outline: float
    brightest_in_box: float
    brightest_in_outline: float
    uniform_in_box: float
    uniform_in_outline: float
    centre_iou: float
    brightest_iou: float
    uniform_iou: float


@dataclass(frozen=True)
class ScanScore:
    """One scan: where it comes from, what the network said, and its heatmap where an outline was drawn.

    `logits`: four, in the order of `TumorClass`, before any temperature, up to a constant. `distance`: from the
    training data (`worker.inference.distance`); `fold`: the one it was left out with.
    """

    file: str
    label: TumorClass
    source: str
    patient: str
    fold: int
    logits: tuple[float, ...]
    distance: float
    heatmap: HeatmapScore | None


def logits_of(scores: Sequence[ScanScore]) -> npt.NDArray[np.float64]:
    """(N, 4)."""
    return np.array([score.logits for score in scores], np.float64).reshape(-1, len(CLASSES))


def labels_of(scores: Sequence[ScanScore]) -> npt.NDArray[np.int64]:
    """(N,), places in `TumorClass`."""
    return np.array([CLASSES.index(score.label) for score in scores], np.int64)


def write_scores(path: Path, scores: Iterable[ScanScore]) -> None:
    """Write a CSV of one row a scan; an existing one is replaced whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    with unfinished.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(_HEADER)
        rows.writerows(map(_row, scores))
    unfinished.replace(path)


def read_scores(path: Path) -> list[ScanScore]:
    """Read what `write_scores` wrote. Raises ValueError where the columns are others."""
    with path.open(newline="") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        if header != _HEADER:
            raise ValueError(f"{path}: columns differ from the expected ones: {sorted(set(header) ^ set(_HEADER))}")
        return [_score(row) for row in rows]


_IDENTITY = ["file", "label", "source", "patient", "fold"]
_HEATMAP = [field.name for field in fields(HeatmapScore)]
_HEADER = [*_IDENTITY, *(f"logit_{label}" for label in CLASSES), "distance", *_HEATMAP]
_FIRST_HEATMAP = _HEADER.index(_HEATMAP[0])


def _row(score: ScanScore) -> list[str]:
    heatmap = [""] * len(_HEATMAP) if score.heatmap is None else map(_number, asdict(score.heatmap).values())
    said = [*score.logits, score.distance]
    return [score.file, score.label, score.source, score.patient, str(score.fold), *map(_number, said), *heatmap]


def _number(value: float) -> str:
    return f"{value:.5g}"


def _score(row: Sequence[str]) -> ScanScore:
    numbers = [float(value) for value in row[len(_IDENTITY) : _FIRST_HEATMAP]]
    heatmap = row[_FIRST_HEATMAP:]
    return ScanScore(
        file=row[0],
        label=TumorClass(row[1]),
        source=row[2],
        patient=row[3],
        fold=int(row[4]),
        logits=tuple(numbers[:-1]),
        distance=numbers[-1],
        heatmap=HeatmapScore(*map(float, heatmap)) if heatmap[0] else None,
    )
