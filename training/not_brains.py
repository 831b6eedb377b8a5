"""Pictures that are no single brain MRI, for counting how many of them the gate turns away.

The photographs of the shared data, and what can be drawn: noise, shading, pages of text, and mosaics and screenshots
with real scans in them. None of them is fitted on; one limit, of how rough a picture may be, was chosen with the pages
of text in view.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from training.dataset.entries import UnusableData
from training.dataset.slices import Slice, read_picture
from training.screenshots import draw_screenshot

Picture = npt.NDArray[np.uint8]
EACH = 100
_SIDE_PX = 256


def find_photographs(datasets: Path) -> list[Path]:
    """Those of the data set. Raises UnusableData where there are none."""
    folder = datasets / "not-brain-mri" / "photos"
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    if not found:
        told = "there are no photographs for the gate to turn away; NEUROBATCH_DATASETS names the folder above"
        raise UnusableData(folder, [f"{told} not-brain-mri/"])
    return found


def kinds(slices: Sequence[Slice], *, photographs: Sequence[Path], seed: int = 0) -> Mapping[str, Iterator[bytes]]:
    """Files by kind; mosaics, and the viewers on screenshots, hold some of `slices`."""
    return {
        "photographs": (path.read_bytes() for path in photographs),
        "noise": _drawn(_noise, seed=seed),
        "shading": _drawn(_shading, seed=seed),
        "pages of text": _drawn(_page, seed=seed),
        "screenshots": _drawn(lambda rng: draw_screenshot(rng, slices), seed=seed),
        "mosaics": _drawn(lambda rng: _mosaic(slices, rng), seed=seed),
    }


def _drawn(draw: Callable[[np.random.Generator], Picture], *, seed: int) -> Iterator[bytes]:
    for at in range(EACH):
        yield cv2.imencode(".png", draw(np.random.default_rng((seed, at))))[1].tobytes()


def _noise(rng: np.random.Generator) -> Picture:
    """White or, blurred, cloudy."""
    values = rng.standard_normal((_SIDE_PX, _SIDE_PX)).astype(np.float32)
    if blur := rng.choice([0, 1, 4, 16]):
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), float(blur)), np.float32)
    return _stretched(values)


def _shading(rng: np.random.Generator) -> Picture:
    coarse = rng.random((rng.integers(2, 5), rng.integers(2, 5)), np.float32)
    return _stretched(np.asarray(cv2.resize(coarse, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_CUBIC), np.float32))


def _page(rng: np.random.Generator) -> Picture:
    """Lines of text, dark on bright or the other way round."""
    page = np.full((2 * _SIDE_PX, 2 * _SIDE_PX), 255, np.uint8)
    for top in range(40, 2 * _SIDE_PX - 20, int(rng.integers(18, 40))):
        words = "".join(rng.choice(list("abcdefghij klmno "), size=int(rng.integers(10, 60))))
        cv2.putText(page, words, (20, top), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 0, 1, cv2.LINE_AA)
    return page if rng.random() < 0.5 else np.asarray(255 - page, np.uint8)


def _mosaic(slices: Sequence[Slice], rng: np.random.Generator) -> Picture:
    """2 x 2 to 6 x 6 neighbours in the index, as a scanner or a contact sheet lays them out."""
    across = int(rng.integers(2, 7))
    side = 2 * _SIDE_PX // across
    first = int(rng.integers(0, max(1, len(slices) - across**2)))
    tiles = [
        cv2.resize(read_picture(item.path), (side, side), interpolation=cv2.INTER_AREA)
        for item in slices[first : first + across**2]
    ]
    rows = [np.hstack(tiles[start : start + across]) for start in range(0, across**2, across)]
    return np.asarray(np.vstack(rows), np.uint8)


def _stretched(values: npt.NDArray[np.float32]) -> Picture:
    return np.asarray(cv2.normalize(values, None, 0, 255, cv2.NORM_MINMAX), np.uint8)  # type: ignore[call-overload]
