"""The limit: the same pipeline over the same files as a loop in processes of its own, without any service.

One process for each core, so that decoding, network and pictures of different chunks overlap; each takes the next
chunk when it is done with one, reads the files, and writes the same three files a scan; the last chunks are smaller, so
that all end together, and the allocator is told what the service's is told. Nothing is waited for: no upload, no
database, no fsync, no separate decoding process.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.queues import Queue
from pathlib import Path

import numpy as np

from shared.allocation import KEEP_FREED_MEMORY
from worker.inference.types import Explained, Rejected

_CHUNK, _LEAST_IN_CHUNK = 32, 4
_SHARES = 4  # of what is left, a chunk takes one of so many at most
_MOST_PIXELS = 4096 * 4096
_START_WITHIN_S = 180.0


class InProcessLoop:
    """The loop with its processes started and warm; `run` may be called again and again."""

    def __init__(self, *, model_dir: Path, processes: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._chunks: Queue[tuple[list[Path], Path] | None] = context.Queue()
        self._done: Queue[int] = context.Queue()
        self._children = [
            context.Process(target=_work, args=(model_dir, self._chunks, self._done), daemon=True)
            for _ in range(processes)
        ]
        with _environment({"TF_CPP_MIN_LOG_LEVEL": "2", **KEEP_FREED_MEMORY}):
            for child in self._children:
                child.start()
        for _ in self._children:
            self._done.get(timeout=_START_WITHIN_S)

    @property
    def processes(self) -> list[int]:
        """Their ids."""
        return [child.pid for child in self._children if child.pid is not None]

    def run(self, scans: Sequence[Path], folder: Path) -> float:
        """Seconds from the first file to the last result in `folder`."""
        folder.mkdir(parents=True)
        started = time.perf_counter()
        for chunk in _chunks(scans):
            self._chunks.put((chunk, folder))
        done = 0
        while done < len(scans):
            done += self._done.get(timeout=_START_WITHIN_S)
        return time.perf_counter() - started

    def close(self) -> None:
        """End the processes."""
        for _ in self._children:
            self._chunks.put(None)
        for child in self._children:
            child.join(10)


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    """What processes that are started meanwhile find; what else is measured finds it as it was."""
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _chunks(scans: Sequence[Path]) -> Iterator[list[Path]]:
    left = list(scans)
    while left:
        length = min(_CHUNK, max(_LEAST_IN_CHUNK, len(left) // _SHARES))
        yield left[:length]
        left = left[length:]


def _work(model_dir: Path, chunks: Queue[tuple[list[Path], Path] | None], done: Queue[int]) -> None:
    # Only the children need the network's libraries.
    from threadpoolctl import threadpool_limits

    from worker.inference.model import load_model
    from worker.inference.pipeline import Pipeline
    from worker.inference.precision import Precision
    from worker.inference.types import Source

    threadpool_limits(1, user_api="blas")
    pipeline = Pipeline(load_model(model_dir, precision=Precision.AUTO, threads=1), max_pixels=_MOST_PIXELS)
    done.put(0)
    while (chunk := chunks.get()) is not None:
        scans, folder = chunk
        for scan, result in zip(scans, pipeline.run([Source(scan) for scan in scans]), strict=True):
            _write(folder, scan.stem, result)
        done.put(len(scans))


def _write(folder: Path, name: str, result: Explained | Rejected) -> None:
    if isinstance(result, Rejected):
        return  # as the service does, which counts them: `end_to_end.run_batch`
    (folder / f"{name}.overlay.jpg").write_bytes(result.overlay)
    (folder / f"{name}.heatmap.png").write_bytes(result.heatmap_png)
    np.save(folder / f"{name}.grid.npy", result.grid)
