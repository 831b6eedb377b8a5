"""Files on disk as scans to classify, in chunks that bound memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.errors import InvalidScan
from shared.images import count_frames
from shared.packed_volume import readable
from worker.inference.pipeline import Pipeline
from worker.inference.types import Decoded, Rejected, Source

_CHUNK_SCANS = 16
_CHUNK_PIXELS = 64_000_000


@dataclass(frozen=True)
class FolderScan:
    """One picture of one file; `filename` is relative to the folder that was named."""

    filename: str
    frame: int
    decoded: Decoded | Rejected


def chunks(
    files: Sequence[tuple[str, Path]], pipeline: Pipeline, *, max_bytes: int, max_frames: int, max_volume_bytes: int
) -> Iterator[list[FolderScan]]:
    """The files' pictures in order, decoded, a few at a time."""
    chunk: list[FolderScan] = []
    pixels = 0
    for filename, path in files:
        for scan in _scans(
            filename, path, pipeline, max_bytes=max_bytes, max_frames=max_frames, max_volume_bytes=max_volume_bytes
        ):
            chunk.append(scan)
            pixels += scan.decoded.image.size if isinstance(scan.decoded, Decoded) else 0
            if len(chunk) >= _CHUNK_SCANS or pixels >= _CHUNK_PIXELS:
                yield chunk
                chunk, pixels = [], 0
    if chunk:
        yield chunk


def _scans(
    filename: str, path: Path, pipeline: Pipeline, *, max_bytes: int, max_frames: int, max_volume_bytes: int
) -> Iterator[FolderScan]:
    try:
        data = readable(_read(path, max_bytes=max_bytes), max_volume_bytes=max_volume_bytes)
        frames = _count(data, max_frames=max_frames)
    except InvalidScan as error:
        yield FolderScan(filename, 0, Rejected(code=error.code, message=error.message))
        return
    for frame in range(frames):
        yield FolderScan(filename, frame, pipeline.decode(Source(data, frame)))


def _read(path: Path, *, max_bytes: int) -> bytes:
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= max_bytes else b""
    except OSError as error:
        raise InvalidScan(f"the file cannot be read: {error}", code="unreadable_file") from error
    if size > max_bytes:
        raise InvalidScan(f"the file is larger than the {max_bytes} bytes allowed", code="file_too_large")
    return data


def _count(data: bytes, *, max_frames: int) -> int:
    frames = count_frames(data, limit=max_frames + 1)
    if frames > max_frames:
        raise InvalidScan(f"the file holds more than the {max_frames} pictures allowed", code="too_many_frames")
    return frames
