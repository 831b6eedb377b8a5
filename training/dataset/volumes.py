"""Makes labelled, outlined slices of volumes whose tumours are masked, as BraTS has them (Menze et al. 2015).

What a network is worth at another hospital can be asked only of that hospital's scans, and these come as volumes.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from shared.errors import InvalidScan
from shared.nifti import HEADER_BYTES, Volume, is_nifti, read_header
from shared.nifti_axes import arrangement
from shared.nifti_pixels import grey_slice, prepared
from training.dataset.entries import UnusableData
from training.dataset.index import INDEX_FILE, OUTLINES_FILE
from training.dataset.slices import OUTLINE_FRAME_PX

SUFFIXES = (".nii", ".nii.gz")
LEAST_AREA_PX = 60  # of the mask; less is the end of a tumour

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    """One patient's volume and its mask."""

    patient: str
    image: Path
    mask: Path


@dataclass(frozen=True)
class MaskedSlice:
    """Slice `number` of a volume, as the service numbers them: uint8 (H, W), and its outline (N, 2) in 512 x 512."""

    number: int
    pixels: npt.NDArray[np.uint8]
    outline: npt.NDArray[np.float64]


def find_cases(folder: Path, *, image: str, mask: str) -> list[Case]:
    """The subfolders of `folder`, each a patient, by the words that the names of its two files hold.

    Raises UnusableData for all folders that have no such files, or several.
    """
    problems: list[str] = []
    cases: list[Case] = []
    for case in sorted(path for path in folder.iterdir() if path.is_dir()):
        volumes = [path for path in sorted(case.iterdir()) if path.name.endswith(SUFFIXES)]
        found = [[path for path in volumes if word in path.name] for word in (image, mask)]
        for word, paths in zip((image, mask), found, strict=True):
            if len(paths) != 1:
                problems.append(f"{case.name}: {len(paths)} of its volumes have {word!r} in their names, not one")
        if all(len(paths) == 1 for paths in found):
            cases.append(Case(case.name, found[0][0], found[1][0]))
    if not (cases or problems):
        problems.append("there are no folders in it, one for each patient")
    if problems:
        raise UnusableData(folder, problems)
    return cases


def masked_slices(case: Case, *, values: Sequence[int], most: int, apart: int) -> list[MaskedSlice]:
    """The slices with most of the tumour, at most `most`, at least `apart` from each other; first the largest.

    `values`: those of the mask that are tumour; all but 0 where none is given. Raises InvalidScan for what is no
    volume, or where the two do not lie alike: shape and orientation are compared, since each is turned by its own.
    """
    image_data, mask_data = _read(case.image), _read(case.mask)
    image_volume, mask_volume = (read_header(each[:HEADER_BYTES]) for each in (image_data, mask_data))
    data, mask = prepared(image_data), _tumour(mask_data, mask_volume, values=values)
    columns, rows, slices = read_header(data[:HEADER_BYTES]).shape
    if mask.shape != (slices, rows, columns):
        raise InvalidScan(f"{case.patient}: its mask is not of its volume's shape", code="not_a_volume")
    if arrangement(mask_volume) != arrangement(image_volume):
        raise InvalidScan(f"{case.patient}: its mask says that it lies otherwise than its volume", code="not_a_volume")
    chosen = [(number, _outline(mask[number])) for number in _largest(mask, most=most, apart=apart)]
    return [MaskedSlice(number, grey_slice(data, number), outline) for number, outline in chosen if len(outline) >= 3]


def write_index(out: Path, slices: Iterator[tuple[Case, MaskedSlice]], *, label: str, source: str) -> tuple[int, int]:
    """Write pictures, index and outlines to `out`, all in fold 0; how many slices and patients they are."""
    (out / "images").mkdir(parents=True, exist_ok=True)
    rows, outlines = [], []
    for case, item in slices:
        name = f"{case.patient}-{item.number:03}.png"
        cv2.imwrite(str(out / "images" / name), item.pixels)
        rows.append((name, label, source, case.patient, 0))
        outlines.append(json.dumps({"file": name, "outline": item.outline.round(1).tolist()}) + "\n")
    with (out / INDEX_FILE).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "label", "source", "patient", "fold"), *rows])
    (out / OUTLINES_FILE).write_text("".join(outlines), encoding="utf-8")
    return len(rows), len({row[3] for row in rows})


def _read(path: Path) -> bytes:
    try:
        data = gzip.decompress(path.read_bytes()) if path.name.endswith(".gz") else path.read_bytes()
    except (OSError, EOFError) as error:
        raise InvalidScan(f"{path} cannot be read: {error}", code="truncated_image") from error
    if not is_nifti(data[:4]):
        raise InvalidScan(f"{path} is no NIfTI file", code="unsupported_format")
    return data


def _tumour(data: bytes, volume: Volume, *, values: Sequence[int]) -> Mask:
    """(slices, rows, columns), lying as the slices of a volume of that orientation do."""
    labels = _arranged(data, volume)
    return np.asarray(np.isin(labels, values) if values else labels != 0, np.bool_)


def _arranged(data: bytes, volume: Volume) -> npt.NDArray[np.generic]:
    if len(data) < volume.data_at + volume.size_bytes:
        raise InvalidScan("the mask holds fewer voxels than it says", code="truncated_image")
    voxels = np.frombuffer(
        data, volume.voxels, count=volume.size_bytes // volume.voxels.itemsize, offset=volume.data_at
    )
    return arrangement(volume).arranged(voxels.reshape(volume.shape, order="F"))


def _largest(mask: Mask, *, most: int, apart: int) -> list[int]:
    areas = mask.sum(axis=(1, 2))
    chosen: list[int] = []
    for number in np.argsort(-areas, kind="stable").tolist():
        if len(chosen) == most or areas[number] < LEAST_AREA_PX:
            break
        if all(abs(number - other) >= apart for other in chosen):
            chosen.append(number)
    return chosen


def _outline(mask: Mask) -> npt.NDArray[np.float64]:
    """Around its largest part."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    largest = max(found, key=cv2.contourArea).reshape(-1, 2).astype(np.float64)
    height, width = mask.shape
    return np.asarray(largest * (OUTLINE_FRAME_PX / np.array([width, height])), np.float64)
