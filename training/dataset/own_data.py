"""Makes a folder of the user's own into slices to train on: read, checked, and split without tearing patients.

Where nobody says which pictures are of one person, those that show the same slice are at least kept together. That
is less than a patient: two neighbouring slices of one person are no near-duplicates, and this is told.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from shared.domain import CLASSES
from shared.errors import InvalidScan
from training.dataset.alignment import Thumbnail, make_thumbnail
from training.dataset.class_folders import read_class_folders
from training.dataset.duplicates import Pair, find_duplicates
from training.dataset.entries import Entry, UnusableData
from training.dataset.folds import FOLD_COUNT, SPLIT_FILE, Integers, draw_folds, groups_of, read_split, write_split
from training.dataset.index import INDEX_FILE, read_index
from training.dataset.slices import OWN_SOURCE, Slice, as_slice, check_patients_apart, read_picture
from training.dataset.straddling import tell_of_duplicates
from worker.inference.gate import check_single, shrink
from worker.inference.preprocess import prepare

Report = Callable[[str], None]
_SPLIT_SEED = 0  # no config's: networks teach each other, and are compared, on the same folds of a folder


def load_own_data(folder: Path, *, run_dir: Path, report: Report = print) -> list[Slice]:
    """The slices of a folder with an `index.csv`, or with class folders, in patients and folds.

    Writes `duplicates.csv` and `split.csv` to `run_dir`; where the latter is there already, the split is the one it
    says. Raises UnusableData with all that is wrong.
    """
    entries = read_entries(folder, report=report)
    _check_patients(entries, place=folder)
    written = run_dir / SPLIT_FILE
    if written.exists():
        report(f"patients and folds as in {written}")
        return read_split(written, entries)
    report(f"looking at {len(entries)} pictures, then for near-duplicates among them")
    pairs = find_duplicates(look_at(entries, place=folder))
    slices = _split(entries, pairs, folder=folder)
    tell_of_duplicates(pairs, entries, slices, run_dir=run_dir, report=report)
    for line in _account(entries, slices):
        report(line)
    write_split(written, slices)
    report(f"patients and folds are in {written}")
    return slices


def read_entries(folder: Path, *, report: Report = print) -> list[Entry]:
    """What the folder's `index.csv`, or else its class folders, say. Raises UnusableData with all that is wrong."""
    return read_index(folder) if (folder / INDEX_FILE).exists() else read_class_folders(folder, report=report)


def load_to_score(folder: Path, *, report: Report = print) -> list[Slice]:
    """The slices of such a folder for a network that is there already: all in fold 0, whatever folds are given.

    A patient is all that is called so or shows nearly the same, in whichever source: clusters stand for patients that
    are not given. Raises UnusableData with all that is wrong.
    """
    entries = read_entries(folder, report=report)
    report(f"looking at {len(entries)} pictures, then for near-duplicates among them")
    clusters = _clusters(entries, find_duplicates(look_at(entries, place=folder))).tolist()
    nameless = [cluster for entry, cluster in zip(entries, clusters, strict=True) if not entry.patient]
    if nameless:
        report(
            f"{_told_of_nameless(nameless)}. One person's may be several clusters: intervals by patient are too narrow"
        )
    slices = (as_slice(entry, patient="-", fold=0) for entry in entries)
    return [replace(item, patient=f"cluster-{cluster}") for item, cluster in zip(slices, clusters, strict=True)]


def look_at(entries: Sequence[Entry], *, place: Path) -> list[Thumbnail]:
    """Read every picture as training will. Raises UnusableData with all that cannot be read."""
    with ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="read") as threads:
        seen = list(threads.map(_thumbnail, entries))
    problems = [f"{entry.where}: {found}" for entry, found in zip(entries, seen, strict=True) if isinstance(found, str)]
    if problems:
        raise UnusableData(place, problems)
    return [found for found in seen if not isinstance(found, str)]


def _thumbnail(entry: Entry) -> Thumbnail | str:
    """The thumbnail, or why the picture cannot be trained on."""
    try:
        image = read_picture(entry.path)
        check_single(shrink(image))
        prepare(image, size_px=32)  # that there is a head to train on
    except InvalidScan as error:
        return error.message
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    return make_thumbnail(image)


def _split(entries: Sequence[Entry], pairs: Sequence[Pair], *, folder: Path) -> list[Slice]:
    """Patients as given, or clusters of near-duplicates; folds as given, or drawn so that neither is torn."""
    clusters = _clusters(entries, pairs)
    folds: list[int | None] = [entry.fold for entry in entries]
    are_given = None not in folds
    # Folds as given may part what is nearly the same; a patient of that name in both would be refused as an index.
    patients = [
        entry.patient or (f"cluster-{cluster}-fold-{entry.fold}" if are_given else f"cluster-{cluster}")
        for entry, cluster in zip(entries, clusters, strict=True)
    ]
    if not are_given:
        labels = np.array([CLASSES.index(entry.label) for entry in entries], np.int64)
        try:
            folds = list(draw_folds(labels, clusters, seed=_SPLIT_SEED).tolist())
        except ValueError as error:
            raise UnusableData(folder, [str(error)]) from error
    return [
        as_slice(entry, patient=patient, fold=fold)
        for entry, patient, fold in zip(entries, patients, folds, strict=True)
    ]


def _clusters(entries: Sequence[Entry], pairs: Sequence[Pair]) -> Integers:
    """A number for each entry, the same for what is of one patient or nearly the same picture."""
    links = [(pair.first, pair.second) for pair in pairs]
    return groups_of(len(entries), [*links, *_links_of_patients(entries)])


def _check_patients(entries: Sequence[Entry], *, place: Path) -> None:
    """Raise UnusableData where somebody gave folds that tear a patient whom they named."""
    named = ((f"{entry.source or OWN_SOURCE}:{entry.patient}", entry.fold) for entry in entries if entry.patient)
    try:
        check_patients_apart((patient, fold) for patient, fold in named if fold is not None)
    except ValueError as error:
        raise UnusableData(place, [str(error)]) from error


def _links_of_patients(entries: Sequence[Entry]) -> Iterator[tuple[int, int]]:
    """From each picture of a patient to that patient's first."""
    first: dict[tuple[str, str], int] = {}
    for at, entry in enumerate(entries):
        if entry.patient:
            yield at, first.setdefault((entry.source or OWN_SOURCE, entry.patient), at)


def _told_of_nameless(groups: Sequence[str | int]) -> str:
    """`groups`: of each picture without a patient, what stands for one."""
    clusters = f"{len(set(groups))} clusters of near-duplicates"
    return f"warning: no patient is given for {len(groups)} pictures; {clusters} stand for patients"


def _account(entries: Sequence[Entry], slices: Sequence[Slice]) -> Iterator[str]:
    nameless = [item.patient for entry, item in zip(entries, slices, strict=True) if not entry.patient]
    if nameless:
        yield (
            f"{_told_of_nameless(nameless)}. Neighbouring slices of one person are mostly no near-duplicates: if "
            "there are such, they lie in several folds, and figures flatter"
        )
    for label in CLASSES:
        people = {item.patient for item in slices if item.label is label}
        if len(people) < FOLD_COUNT:
            yield f"warning: {label} has {len(people)} separate patients or clusters: not every fold can have one"
    for fold, count in sorted(Counter(item.fold for item in slices).items()):
        labels = Counter(item.label for item in slices if item.fold == fold)
        yield f"fold {fold}: {count} pictures, " + ", ".join(f"{labels[label]} {label}" for label in CLASSES)
