"""The data set as the trainer sees it: the index, the outlines, and folds that keep patients whole.

A patient in two folds would let a network score by remembering heads, so that is checked at every load.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from shared.domain import CLASSES, TumorClass
from shared.heatmaps import Frame
from shared.images import read_image
from training.dataset.entries import Entry, UnusableData
from training.dataset.index import INDEX_FILE, read_index
from worker.inference.preprocess import prepare

FOLDS = (0, 1, 2, 3, 4)
OUTLINE_FRAME_PX = 512  # the outlines are drawn in a frame of this size
OWN_SOURCE = "own"  # of pictures that no source is given for
_MAX_PIXELS = 100_000_000


@dataclass(frozen=True)
class Slice:
    """One labelled image. `outline`: float32 (n, 2) of (x, y) in a 512 x 512 frame, None where not drawn.

    `listed_as`: its name in the index or below its folder, where that is more than the file's name.
    """

    path: Path
    label: TumorClass
    source: str
    patient: str
    fold: int
    outline: npt.NDArray[np.float32] | None
    listed_as: str = ""

    @property
    def file(self) -> str:
        """What tables of results call it."""
        return self.listed_as or self.path.name


@dataclass(frozen=True)
class Examples:
    """Slices in memory: pixels uint8 (N, S, S); outline masks uint8 (N, S, S) of 0 or 255; labels (N,)."""

    pixels: npt.NDArray[np.uint8]
    outlines: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def datasets_dir() -> Path:
    """The folder that holds `brain-mri/`: NEUROBATCH_DATASETS, or ../shared/data."""
    return Path(os.environ.get("NEUROBATCH_DATASETS", "../shared/data"))


def load_index(datasets: Path, *, folds: Iterable[int] = FOLDS) -> list[Slice]:
    """The slices of `folds` in index order, all with patient and fold.

    Raises UnusableData for an index that is faulty or missing, has a patient in two folds, or no scan in these.
    """
    folder = datasets / "brain-mri"
    if not (folder / INDEX_FILE).is_file():
        raise UnusableData(folder, [f"there is no {INDEX_FILE}; NEUROBATCH_DATASETS names the folder above"])
    entries = read_index(folder)
    try:
        slices = [as_slice(entry, patient=entry.patient, fold=entry.fold) for entry in entries]
        check_patients_apart((item.patient, item.fold) for item in slices)
    except ValueError as error:
        raise UnusableData(folder / INDEX_FILE, [str(error)]) from error
    wanted = set(folds)
    found = [item for item in slices if item.fold in wanted]
    if not found:
        raise UnusableData(folder, [f"no scan is in fold {', '.join(map(str, sorted(wanted)))}"])
    return found


def as_slice(entry: Entry, *, patient: str, fold: int | None) -> Slice:
    """The slice of an entry; a patient's name counts within its source. Raises ValueError where one is missing."""
    if not patient or fold is None:
        raise ValueError(f"{entry.where}: patient and fold are needed")
    source = entry.source or OWN_SOURCE
    return Slice(
        path=entry.path,
        label=entry.label,
        source=source,
        patient=f"{source}:{patient}",
        fold=fold,
        outline=entry.outline,
        listed_as=entry.file,
    )


def check_patients_apart(patients_and_folds: Iterable[tuple[str, int]]) -> None:
    """Raise ValueError, naming them, where patients are in more than one fold."""
    folds: dict[str, set[int]] = defaultdict(set)
    for patient, fold in patients_and_folds:
        folds[patient].add(fold)
    torn = sorted(patient for patient, where in folds.items() if len(where) > 1)
    if torn:
        raise ValueError(f"{len(torn)} patients are in more than one fold: {', '.join(torn[:5])}")


def load_examples(slices: Sequence[Slice], *, size_px: int) -> Examples:
    """Decode and prepare every slice, as serving does, at size_px."""
    pixels = np.zeros((len(slices), size_px, size_px), np.uint8)
    outlines = np.zeros_like(pixels)
    for at, item in enumerate(slices):
        image = read_picture(item.path)
        prepared = prepare(image, size_px=size_px)
        pixels[at] = np.rint(prepared.pixels * 255)
        if item.outline is not None:
            in_image = outline_in_image(item.outline, width=image.shape[1], height=image.shape[0])
            outlines[at] = _mask_in_frame(in_image, frame=prepared.frame, size_px=size_px)
    labels = np.array([CLASSES.index(item.label) for item in slices], np.int64)
    return Examples(pixels=pixels, outlines=outlines, labels=labels)


def read_picture(path: Path) -> npt.NDArray[np.uint8]:
    """Greyscale uint8 (H, W), as serving reads it. Raises InvalidScan."""
    return read_image(path.read_bytes(), max_pixels=_MAX_PIXELS)


def outline_in_image(outline: npt.NDArray[np.float32], *, width: int, height: int) -> npt.NDArray[np.float32]:
    """The outline, drawn in the 512 x 512 frame, in pixels of an image of this size."""
    return np.asarray(outline * np.array([width, height]) / OUTLINE_FRAME_PX, np.float32)


def _mask_in_frame(outline: npt.NDArray[np.float32], *, frame: Frame, size_px: int) -> npt.NDArray[np.uint8]:
    points = (outline - np.array([frame.x, frame.y], np.float32)) * (size_px / frame.side)
    mask = np.zeros((size_px, size_px), np.uint8)
    cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], 255)
    return mask
