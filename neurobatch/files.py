"""Finds the files to submit, and opens each only while its bytes are sent."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True)
class Member:
    """A file to submit and the name that it is submitted under."""

    path: Path
    name: str


def collect(paths: Sequence[Path | str] | Path | str) -> list[Member]:
    """Files as given, folders as all their files, sorted; hidden ones are left out.

    A file is named relative to the folder that was given, or by its own name; where two would have one name, all are
    named from the folder that holds them all. One that is given twice, in a folder and by itself, counts once. Links to
    folders are followed. Raises OSError: FileNotFoundError for a path that does not exist and for a link that leads
    nowhere, PermissionError for a folder that may not be listed.
    """
    given = [Path(paths)] if isinstance(paths, str | Path) else list(map(Path, paths))
    members = [member for path in given for member in _members(path)]
    if lost := [member.path for member in members if not member.path.exists()]:
        raise FileNotFoundError(f"{lost[0]} is a link to what does not exist")
    files: dict[str, Member] = {}
    for member in members:
        files.setdefault(os.path.abspath(member.path), member)
    if len({member.name for member in files.values()}) == len(files):
        return [*files.values()]
    top = os.path.commonpath([os.path.dirname(file) for file in files])
    return [Member(member.path, Path(os.path.relpath(file, top)).as_posix()) for file, member in files.items()]


def check_readable(members: Iterable[Member]) -> None:
    """Raise OSError for what is no file or may not be read, before anything is sent."""
    for member in members:
        if not member.path.is_file():
            raise OSError(f"{member.path} is no file")
        if not os.access(member.path, os.R_OK):
            raise PermissionError(f"{member.path} may not be read")


def _members(path: Path) -> Iterator[Member]:
    if path.is_dir():
        yield from (Member(file, file.relative_to(path).as_posix()) for file in _files_below(path))
    elif path.exists():
        yield Member(path, path.name)
    else:
        raise FileNotFoundError(f"{path} does not exist")


def _files_below(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Links that lead back to a folder `above` are passed over: what is there comes anyway."""
    around = (*above, folder.resolve())
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if not path.is_dir():
            yield path
        elif path.resolve() not in around:
            yield from _files_below(path, around)


class LazyFile(io.RawIOBase):
    """A file that is opened at its first read and closed at its end, so that thousands can be sent in one
    request.
    """

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO | None = None
        self._path = path
        self._size = path.stat().st_size
        self._at = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True: the size is asked for by seeking."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to an absolute position, or relative to the position or the end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """The position, in bytes."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes."""
        if self._file is None:
            self._file = open(self._path, "rb")  # noqa: SIM115  (closed at its end)
        self._file.seek(self._at)
        data = self._file.read(size)
        self._at += len(data)
        if not data:
            self._close_file()
        return data

    def close(self) -> None:
        """Close what a broken connection left open."""
        self._close_file()
        super().close()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
