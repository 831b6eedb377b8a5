"""A first look at each accepted file: is its name usable, and how many images does it hold?

Only headers are read. Whether the pixels are a brain is the worker's question; a file that cannot be read
here still becomes a scan, which the worker rejects with the exact reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, TiffImagePlugin

from api.uploads import StagedFile
from shared.settings import Settings

_TIFF_MAGICS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


@dataclass(frozen=True)
class Candidate:
    """A scan about to be stored; with a `code` it is rejected from the start."""

    filename: str
    frame: int
    upload_key: str
    size_bytes: int
    sha256: str
    code: str | None = None
    message: str | None = None


def inspect(file: StagedFile, *, key: str, settings: Settings) -> Iterator[Candidate]:
    """The scans that a file holds: one, or one for each page of a multi-page TIFF."""

    def candidate(frame: int, code: str | None = None, message: str | None = None) -> Candidate:
        name = _printable(file.filename, limit=settings.max_filename_chars)
        return Candidate(name, frame, key, file.size_bytes, file.sha256, code, message)

    fault = _name_fault(file.filename, limit=settings.max_filename_chars)
    if fault is not None:
        yield candidate(0, "invalid_filename", fault)
        return
    pages = _count_pages(file.path, limit=settings.max_frames_per_file)
    if pages > settings.max_frames_per_file:
        yield candidate(
            0,
            "too_many_frames",
            f"The file holds more than max_frames_per_file = {settings.max_frames_per_file} images.",
        )
        return
    yield from (candidate(frame) for frame in range(pages))


def _name_fault(filename: str, *, limit: int) -> str | None:
    if not filename.strip():
        return "The file has no name."
    if len(filename) > limit:
        return f"The file's name is longer than max_filename_chars = {limit} characters."
    if any(not character.isprintable() for character in filename):
        return "The file's name holds a NUL or another control character."
    parts = filename.replace("\\", "/").split("/")
    if ".." in parts or parts[0] == "" or parts[0].endswith(":"):
        return "The file's name is an absolute path or climbs out of its folder."
    return None


def _printable(filename: str, *, limit: int) -> str:
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in filename[:limit])
    return shown or "(no name)"


def _count_pages(path: Path, *, limit: int) -> int:
    """Pages of a TIFF, counted up to one more than `limit`; 1 for anything else and for a broken one."""
    with open(path, "rb") as file:
        if file.read(4) not in _TIFF_MAGICS:
            return 1
    try:
        with TiffImagePlugin.TiffImageFile(path) as image:
            return _seek_pages(image, limit=limit)
    # A hostile directory makes Pillow raise errors of many kinds; the worker tells the client which file is broken.
    except Exception:  # noqa: BLE001
        return 1


def _seek_pages(image: Image.Image, *, limit: int) -> int:
    pages = 1
    while pages <= limit:
        try:
            image.seek(pages)
        except EOFError:
            break
        pages += 1
    return pages
