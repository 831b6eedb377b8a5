"""Where uploads and heatmaps are kept: files below the data directory, named by ids alone.

A key is a relative POSIX path that we make up ourselves; nothing a client sends becomes part of one. Keys of
results hold the fence of the claim that made them, so two claims of one scan can never write the same file.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from uuid import UUID

from shared import durability

_SAFE_KEY = re.compile(r"[a-z]+(/[0-9a-z][0-9a-z._-]*)+")


class ArtifactStore(Protocol):
    """What the service needs of a store."""

    def write(self, key: str, data: bytes) -> None:
        """Store `data` under `key`; it outlives the machine's power once `make_durable` was called."""

    def make_durable(self, keys: Sequence[str]) -> None:
        """Return once what was written under these keys is on disk: a row that names them is committed only then."""

    def read(self, key: str) -> bytes:
        """The bytes under `key`; FileNotFoundError if there are none."""

    def path(self, key: str) -> Path:
        """A local path of `key`."""

    def delete_batch(self, batch_id: UUID) -> tuple[int, int]:
        """Remove everything of a batch; how many files that were, and their bytes."""


class LocalArtifactStore:
    """Files below one root directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, key: str) -> Path:
        """The file of `key`; ValueError for a key that could leave the root."""
        if not _SAFE_KEY.fullmatch(key) or ".." in key:
            raise ValueError(f"unsafe artifact key {key!r}")
        return self._root / key

    def write(self, key: str, data: bytes) -> None:
        """Write a file."""
        path = str(self.path(key))
        try:
            _write(path, data)
        except FileNotFoundError:  # the first of its batch
            os.makedirs(os.path.dirname(path), exist_ok=True)
            _write(path, data)

    def make_durable(self, keys: Sequence[str]) -> None:
        """Bring the files, and their names in their folders, to the disk; what was deleted meanwhile is let go."""
        if durability.are_many(keys):
            durability.sync_file_system(self._root / keys[0].partition("/")[0])
            return
        paths = [path for key in keys if (path := self.path(key)).exists()]
        durability.make_durable([*{path.parent for path in paths}, *paths])

    def read(self, key: str) -> bytes:
        """The bytes under `key`; FileNotFoundError if there are none."""
        return self.path(key).read_bytes()

    def delete_batch(self, batch_id: UUID) -> tuple[int, int]:
        """Remove everything of a batch; how many files that were, and their bytes."""
        files = size_bytes = 0
        for folder in (self._root / "uploads" / str(batch_id), self._root / "artifacts" / str(batch_id)):
            for path in folder.glob("*"):
                with suppress(FileNotFoundError):  # a worker that lost its claim removes its own
                    size_bytes += path.stat().st_size
                    files += 1
            shutil.rmtree(folder, ignore_errors=True)
        return files, size_bytes


def _write(path: str, data: bytes) -> None:
    """As `Path.write_bytes` does, without a buffer or an object for the file: three are written for each scan."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
    finally:
        os.close(descriptor)


def upload_key(batch_id: UUID, number: str) -> str:
    """Key of one of a batch's uploads, by the number that it got on arrival."""
    return f"uploads/{batch_id}/{number}"


def result_key(batch_id: UUID, scan_id: UUID, *, fence: int, name: str) -> str:
    """Key of one artifact of one claim of a scan, e.g. name `heatmap.png`."""
    return f"artifacts/{batch_id}/{scan_id}.{fence}.{name}"


def claim_of(name: str) -> tuple[UUID, int] | None:
    """The scan and fence that a result's file is named by; None for a name that `result_key` does not make."""
    scan_id, _, rest = name.partition(".")
    try:
        return UUID(scan_id), int(rest.partition(".")[0])
    except ValueError:
        return None


def staging_lock(data_dir: Path, batch_id: UUID) -> Path:
    """The lock (`shared.liveness`) that a submission holds until its rows are committed."""
    return data_dir / "staging" / f"{batch_id}.lock"
