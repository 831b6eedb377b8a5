"""The body of a submission: each file is opened only while it is sent, and the bytes are counted on their way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from neurobatch.files import LazyFile, Member

FormFile = tuple[str, tuple[str, IO[bytes], str]]


@dataclass(frozen=True)
class Sent:
    """How much of a submission has been sent; files count once their last byte is out. A retry begins at 0."""

    sent_bytes: int
    total_bytes: int
    sent_files: int
    total_files: int


def form_files(members: Sequence[Member], on_progress: Callable[[Sent], None] | None) -> list[FormFile]:
    """The form's file parts, for one try; OSError for a file that has gone meanwhile."""
    count = _Count(on_progress, total_files=len(members))
    files = [_CountedFile(member.path, count) for member in members]
    count.total_bytes = sum(file.size_bytes for file in files)
    names = (_sendable(member.name) for member in members)
    return [
        ("files", (name, cast(IO[bytes], file), "application/octet-stream"))
        for name, file in zip(names, files, strict=True)
    ]


def _sendable(name: str) -> str:
    """Linux names may hold bytes that are no UTF-8; escaped, they stay distinct."""
    return name.encode("utf-8", "backslashreplace").decode()


class _Count:
    def __init__(self, on_progress: Callable[[Sent], None] | None, *, total_files: int) -> None:
        self.total_bytes = 0
        self._on_progress = on_progress
        self._total_files = total_files
        self._bytes = self._files = 0

    def add(self, size: int, *, ended: bool) -> None:
        self._bytes += size
        self._files += ended
        if self._on_progress is not None:
            self._on_progress(Sent(self._bytes, self.total_bytes, self._files, self._total_files))


class _CountedFile(LazyFile):
    def __init__(self, path: Path, count: _Count) -> None:
        super().__init__(path)
        self.size_bytes = path.stat().st_size
        self._count = count
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        data = super().read(size)
        ends = not self._ended and self.tell() >= self.size_bytes
        self._ended |= ends
        if data or ends:
            self._count.add(len(data), ended=ends)
        return data
