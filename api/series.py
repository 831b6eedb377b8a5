"""Puts a batch's slices together to studies: of each DICOM series one, of each volume one, in anatomical order.

Slices are ordered by where they lie along the normal of their plane; where one does not say, or they are not parallel,
by their instance numbers; where one has none, as they arrived. Whatever is equal stays as it arrived, so that nothing
a file states can make this fail.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from api.slices import Slice
from shared.dicom import Plane

_PARALLEL = 0.99  # cosine of the angle between two normals, about 8 degrees


@dataclass(frozen=True)
class Series:
    """The slices of one study to be, as numbers into the list that they came in, in their order."""

    first: Slice
    members: tuple[int, ...]


def put_together(slices: Sequence[Slice | None], *, files: Sequence[object]) -> list[Series]:
    """The studies that slices make, in the order of their first arrival.

    `files` says by equality which slices came in one file: a file without a series is a study of its own.
    """
    groups: dict[object, list[int]] = {}
    for number, (found, file) in enumerate(zip(slices, files, strict=True)):
        if found is not None:
            key = (found.study_uid, found.series_uid) if found.series_uid else file
            groups.setdefault(key, []).append(number)
    together = []
    for numbers in groups.values():
        members = [(number, found) for number in numbers if (found := slices[number]) is not None]
        ordered = _ordered(members)
        together.append(Series(ordered[0][1], tuple(number for number, _ in ordered)))
    return together


def _ordered(members: list[tuple[int, Slice]]) -> list[tuple[int, Slice]]:
    numbers = [found.instance_number for _, found in members]
    stated = [n for n in numbers if n is not None]
    by_number = stated if len(stated) == len(members) else [0] * len(members)
    along = _along_normal([found.plane for _, found in members]) or [0.0] * len(members)
    keys = list(zip(along, by_number, range(len(members)), strict=True))
    return [members[place] for _, _, place in sorted(keys)]


def _along_normal(planes: Sequence[Plane | None]) -> list[float] | None:
    """Millimetres of each plane along the normal that all share, to a hundredth; None if they share none."""
    stated = [plane for plane in planes if plane is not None]
    normals = [_unit(plane.normal) for plane in stated]
    known = [normal for normal in normals if normal is not None]
    if not planes or len(known) < len(planes):
        return None
    if any(_dot(normal, known[0]) < _PARALLEL for normal in known):
        return None
    along = [_dot(plane.position, known[0]) for plane in stated]
    return [round(place, 2) for place in along] if all(map(math.isfinite, along)) else None


def _dot(first: Sequence[float], second: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(first, second, strict=True))


def _unit(vector: Sequence[float]) -> tuple[float, ...] | None:
    length = math.hypot(*vector)
    return tuple(part / length for part in vector) if math.isfinite(length) and length > 1e-6 else None
