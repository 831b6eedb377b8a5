"""The least that a stage does to pictures, by the libraries alone: what no code of ours can make faster."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.figures import Figure, figure
from worker.inference.render import AS_JPEG, AS_PNG
from worker.inference.types import Explained

Picture = npt.NDArray[np.uint8]


def measure_bare(scans: Sequence[Path], results: Sequence[Explained], *, repetitions: int) -> dict[str, Figure]:
    """Of each stage but the network ms a scan, one thread; `results` are the pipeline's of these scans.

    *decode*: Pillow reads the JPEG. *preprocess*: the picture is read and written once. *explain*: a map of its size is
    written once. *render*: OpenCV writes the same map as PNG and the same page as JPEG as the pipeline does.
    """
    files = [scan.read_bytes() for scan in scans]
    pictures = [np.asarray(Image.open(io.BytesIO(file)).convert("L")) for file in files]
    maps = [_read(result.heatmap_png, cv2.IMREAD_GRAYSCALE) for result in results]
    pages = [_read(result.overlay, cv2.IMREAD_COLOR) for result in results]
    heats = [np.empty(picture.shape, np.float32) for picture in pictures]
    todo: Mapping[str, tuple[Sequence[Any], Callable[[Any], object]]] = {
        "decode": (files, lambda file: Image.open(io.BytesIO(file), formats=("JPEG",)).load()),
        "preprocess": (pictures, np.copy),
        "explain": (heats, lambda heat: heat.fill(0.0)),
        "render": (list(zip(maps, pages, strict=True)), lambda pair: _write(*pair)),
    }
    return {
        stage: figure([_ms_each(items, work) for _ in range(repetitions)], "ms")
        for stage, (items, work) in todo.items()
    }


def _read(data: bytes, flags: int) -> Picture:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), flags), np.uint8)


def _write(picture: Picture, page: Picture) -> None:
    cv2.imencode(".png", picture, AS_PNG)
    cv2.imencode(".jpg", page, AS_JPEG)


def _ms_each(items: Sequence[Any], work: Callable[[Any], object]) -> float:
    started = time.perf_counter()
    for item in items:
        work(item)
    return 1000 * (time.perf_counter() - started) / len(items)
