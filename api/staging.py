"""Where a batch's files lie until they are complete: a folder that becomes the batch's in one rename, or vanishes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from uuid import UUID

from shared.artifacts import staging_lock, upload_key
from shared.durability import make_durable
from shared.liveness import hold


@dataclass(frozen=True)
class Fault:
    """Why a file is rejected on arrival: a stable code and a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class StagedFile:
    """One file of a batch, complete below the staging folder; or, with a `fault`, only its name.

    `filename`: as it was sent, or the beginning of one that is too long anyway; `cut_name_sha256` is of the whole then,
    since thousands of long names would fill the memory. `place`: its path, as text for the same reason: thousands of
    objects would take 400 bytes each. `head`: its first bytes, `HEAD_BYTES` of `shared.dicom_elements` at most, which
    tell its format.
    """

    filename: str
    place: str
    size_bytes: int
    sha256: str
    head: bytes
    fault: Fault | None = None
    cut_name_sha256: str = ""

    @property
    def path(self) -> Path:
        """Where it lies."""
        return Path(self.place)

    def refused(self, fault: Fault) -> StagedFile:
        """The same file as one that is not kept."""
        return replace(self, fault=fault)


class Staging:
    """A folder that takes one body's files; it is removed on leaving unless its files were moved away."""

    def __init__(self, root: Path, *, name: str) -> None:
        self._folder = root / "staging" / name
        self._files = 0

    def __enter__(self) -> Staging:
        self._folder.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def next_file(self) -> Path:
        """Where the next file goes: a number, nothing that a client sent."""
        self._files += 1
        return self._folder / f"{self._files - 1:06d}"

    def keep_as(self, destination: Path) -> None:
        """Move the whole folder to `destination` in one rename, and return once it and its files are on disk.

        What a crash leaves there before is swept up, since no row names it yet.
        """
        destination.parent.mkdir(parents=True, exist_ok=True)
        os.rename(self._folder, destination)
        make_durable([destination, *destination.iterdir(), destination.parent])


@contextmanager
def in_progress(data_dir: Path, batch_id: UUID) -> Iterator[None]:
    """Show the reconciler that a submission lives, from its first byte until its rows are committed.

    Where it ends by an error after its files were kept, the lock is left behind as a dead one's: whether the rows
    were committed may not be known, and the reconciler asks the database before it removes anything.
    """
    lock = hold(staging_lock(data_dir, batch_id), owner=str(batch_id))
    try:
        yield
    except BaseException:
        if (data_dir / upload_key(batch_id, "0")).parent.exists():
            lock.abandon()
        else:
            lock.release()
        raise
    lock.release()
