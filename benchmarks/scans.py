"""The files that every contestant gets: greyscale JPEG slices of 512 x 512, as the public collections have them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from neurobatch.phantoms import draw_head

SIDE_PX = 512
Picture = npt.NDArray[np.uint8]
_JPEG_QUALITY = 90
_DRAWN = 64  # different heads; beyond, each is seen again with other noise


def make_scans(folder: Path, count: int, *, taken_from: Sequence[Path] = ()) -> list[Path]:
    """Write `count` files named 00000.jpg and on, no two alike, and return their paths; those there already are kept.

    Drawn heads with the noise of a scanner; or, where `taken_from` names image files, those in turn, brought to 512 px.
    """
    folder.mkdir(parents=True, exist_ok=True)
    heads = [_read(path) for path in taken_from] or [_draw(seed) for seed in range(_DRAWN)]
    paths = [folder / f"{number:05d}.jpg" for number in range(count)]
    for number, (path, head) in enumerate(zip(paths, itertools.cycle(heads), strict=False)):
        if not path.exists():
            noise = np.random.default_rng(number).normal(0, 3, head.shape)
            picture = np.clip(head + noise * (head > 0), 0, 255).astype(np.uint8)
            path.write_bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes())
    return paths


def _draw(seed: int) -> Picture:
    return draw_head(seed, side_px=SIDE_PX, mass=seed % 2 == 0)


def _read(path: Path) -> Picture:
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise ValueError(f"{path} is no image")
    return np.asarray(cv2.resize(grey, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.uint8)
