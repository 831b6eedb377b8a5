"""Finds the files to submit, and opens each only while its bytes are sent."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True)
class Member:
    """A file to submit and the name that it is submitted under."""

    path: Path
    name: str


def collect(paths: Sequence[Path | str]) -> list[Member]:
    """Files as given, folders as all their files, sorted, named relative to the folder; hidden ones are left out.

    Raises FileNotFoundError for a path that does not exist, and for a link within a folder that leads nowhere.
    """
    members: list[Member] = []
    for path in map(Path, paths):
        if path.is_dir():
            found = (Path(folder) / name for folder, _, names in os.walk(path) for name in names)
            members += [
                Member(file, file.relative_to(path).as_posix())
                for file in sorted(found)
                if not any(part.startswith(".") for part in file.relative_to(path).parts)
            ]
        elif path.exists():
            members.append(Member(path, path.name))
        else:
            raise FileNotFoundError(f"{path} does not exist")
    if lost := [member.path for member in members if not member.path.exists()]:
        raise FileNotFoundError(f"{lost[0]} is a link to what does not exist")
    return members


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
