"""Bringing many small files to the disk before a row names them, at a fraction of what an fsync of each takes.

Measured on ext4, 1,000 files of 36 KB: fsync of one after the other 330 ms, syncfs of their file system 90 ms.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# From here on the whole file system is asked, which writes what others have written there, too.
_MANY = 8
_REPORTS_ERRORS = (5, 8)  # of Linux: before, syncfs did not tell of a write that had failed


def _find_syncfs() -> Callable[[int], int] | None:
    """The system call, where it can be relied on."""
    if sys.platform != "linux" or tuple(map(int, os.uname().release.split(".")[:2])) < _REPORTS_ERRORS:
        return None
    return getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)


_syncfs = _find_syncfs()


def make_durable(paths: Sequence[Path]) -> None:
    """Return once the files and folders, all of one file system, are on disk; OSError if one could not be written."""
    if are_many(paths):
        sync_file_system(paths[0])
        return
    for path in paths:
        with _opened(path) as descriptor:
            os.fsync(descriptor)


def are_many(files: Sequence[object]) -> bool:
    """Whether their whole file system is best brought to the disk at once, and can be."""
    return len(files) >= _MANY and _syncfs is not None


def sync_file_system(path: Path) -> None:
    """Return once all that was written to the file system of `path` is on disk; OSError if something could not be."""
    assert _syncfs is not None, "ask are_many first"
    with _opened(path) as descriptor:
        if _syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
