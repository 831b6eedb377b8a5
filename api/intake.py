"""A first look at each accepted file: is its name usable, and how many images does it hold?

Only headers are read, and of a DICOM or NIfTI file a copy without its patient takes its place. Whether the pixels are
a brain is the worker's question; any other file that cannot be read here still becomes a scan, which the worker rejects
with the exact reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from api.archives import Budget, is_archive, unpack
from api.deidentification import deidentified
from api.slices import Slice, slices_of
from api.staging import Fault, StagedFile, Staging
from shared.errors import LimitExceeded
from shared.images import count_frames, may_hold_several
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Candidate:
    """A scan about to be stored; with a fault it is rejected from the start."""

    file: StagedFile
    filename: str
    frame: int = 0
    fault: Fault | None = None
    slice: Slice | None = None


def look_at(files: Iterable[StagedFile], *, staging: Staging, settings: Settings) -> list[Candidate]:
    """The scans that a batch's files hold, archives opened; LimitExceeded where they are too many."""
    given = list(files)
    budget = Budget(settings.max_batch_bytes - sum(file.size_bytes for file in given))
    limit = settings.max_files_per_batch
    found: list[Candidate] = []
    for file in given:
        for member in _members(file, staging=staging, budget=budget, settings=settings):
            found += _candidates(member, staging=staging, budget=budget, settings=settings)
            if len(found) > limit:
                raise LimitExceeded(
                    f"A batch takes at most {limit} scans, members of archives and pages counted.",
                    limit="max_files_per_batch",
                    value=limit,
                )
    return found


def _members(file: StagedFile, *, staging: Staging, budget: Budget, settings: Settings) -> Iterator[StagedFile]:
    if not is_archive(file.head):
        yield file
        return
    yield from unpack(file, staging=staging, budget=budget, settings=settings)
    file.path.unlink(missing_ok=True)


def _candidates(file: StagedFile, *, staging: Staging, budget: Budget, settings: Settings) -> Iterator[Candidate]:
    """One scan, or one for each page of a TIFF, frame of a DICOM file or slice of a NIfTI volume."""
    name = _printable(file.filename, limit=settings.max_filename_chars)
    fault = _name_fault(file.filename, limit=settings.max_filename_chars) or file.fault
    if fault is not None:
        file.path.unlink(missing_ok=True)
        yield Candidate(file, name, fault=fault)
        return
    file = deidentified(file, staging=staging, budget=budget, settings=settings)
    if file.fault is not None:
        yield Candidate(file, name, fault=file.fault)
        return
    if not may_hold_several(file.head):
        yield Candidate(file, name)
        return
    pages = count_frames(file.path, limit=settings.max_frames_per_file + 1)
    if pages > settings.max_frames_per_file:
        limit = settings.max_frames_per_file
        message = f"The file holds more than max_frames_per_file = {limit} images."
        file.path.unlink(missing_ok=True)
        yield Candidate(file, name, fault=Fault("too_many_frames", message))
        return
    places = slices_of(file.path, count=pages)
    yield from (Candidate(file, name, frame=frame, slice=place) for frame, place in enumerate(places))


def _name_fault(filename: str, *, limit: int) -> Fault | None:
    """What is wrong with a name; it is kept as text alone, but others may one day make a path of it."""
    parts = filename.replace("\\", "/").split("/")
    if not filename.strip():
        message = "The file has no name."
    elif len(filename) > limit:
        message = f"The file's name is longer than max_filename_chars = {limit} characters."
    elif not filename.isprintable():
        message = "The file's name holds a NUL or another control character."
    elif ".." in parts or parts[0] == "" or parts[0][1:2] == ":":
        message = "The file's name is an absolute path or climbs out of its folder."
    else:
        return None
    return Fault("invalid_filename", message)


def _printable(filename: str, *, limit: int) -> str:
    shown = filename[:limit]
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown)
    return shown or "(no name)"
