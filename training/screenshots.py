"""Screenshots for the gate to turn away: a window with menus and text, or a viewer with a scan in one of its panels.

Half are grey, as a picture is that went through a scanner or a fax: those are not told by their colours.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from training.dataset.slices import Slice, read_picture

Picture = npt.NDArray[np.uint8]
_HEIGHT_PX, _WIDTH_PX = 480, 640
_BAR_PX = 24  # height of the title, and of the menu under it
_SIDE_PX = 120  # width of what stands beside the panels
_GAP_PX = 4


def draw_screenshot(rng: np.random.Generator, slices: Sequence[Slice]) -> Picture:
    """uint8 (480, 640), or (480, 640, 3) in colour."""
    dark = rng.random() < 0.5
    ground, ink = (rng.integers(20, 60, 3), 230) if dark else (rng.integers(200, 250, 3), 20)
    screen = np.full((_HEIGHT_PX, _WIDTH_PX, 3), ground, np.uint8)
    screen[:_BAR_PX] = rng.integers(40, 200, 3)
    for top in (0, _BAR_PX):
        _write(screen, rng, left=8, top=top, words=6, ink=ink)
    for top in range(2 * _BAR_PX, _HEIGHT_PX - _BAR_PX, _BAR_PX):
        _write(screen, rng, left=8, top=top, words=1, ink=ink)
    inside = screen[2 * _BAR_PX :, _SIDE_PX:]
    if rng.random() < 0.5:
        _fill_page(inside, rng, ink=ink)
    else:
        _fill_viewer(inside, rng, slices)
    return screen if rng.random() < 0.5 else np.asarray(cv2.cvtColor(screen, cv2.COLOR_BGR2GRAY), np.uint8)


def _fill_page(inside: Picture, rng: np.random.Generator, *, ink: int) -> None:
    """Lines of text and a few framed boxes."""
    for top in range(_GAP_PX, len(inside) - _BAR_PX, _BAR_PX):
        _write(inside, rng, left=8, top=top, words=int(rng.integers(1, 7)), ink=ink)
    for _ in range(int(rng.integers(1, 5))):
        left, top = int(rng.integers(0, 350)), int(rng.integers(0, 300))
        corner = left + int(rng.integers(60, 160)), top + int(rng.integers(30, 120))
        cv2.rectangle(inside, (left, top), corner, rng.integers(0, 255, 3).tolist(), int(rng.choice([-1, 2])))


def _fill_viewer(inside: Picture, rng: np.random.Generator, slices: Sequence[Slice]) -> None:
    """One to four black panels, each with words in its corner; the first holds a scan, another may."""
    rows, columns = (int(count) for count in rng.integers(1, 3, 2))
    height, width = len(inside) // rows, inside.shape[1] // columns
    for at in range(rows * columns):
        top, left = at // columns * height, at % columns * width
        panel = inside[top : top + height - _GAP_PX, left : left + width - _GAP_PX]
        panel[:] = 0
        if at == 0 or rng.random() < 0.5:
            _lay_scan(panel, read_picture(slices[int(rng.integers(len(slices)))].path))
        _write(panel, rng, left=4, top=0, words=2, ink=200)


def _lay_scan(panel: Picture, scan: Picture) -> None:
    side = min(panel.shape[:2])
    top, left = (len(panel) - side) // 2, (panel.shape[1] - side) // 2
    resized = cv2.resize(scan, (side, side), interpolation=cv2.INTER_AREA)
    panel[top : top + side, left : left + side] = resized[..., None]


def _write(screen: Picture, rng: np.random.Generator, *, left: int, top: int, words: int, ink: int) -> None:
    """Words along one line of the height of a bar."""
    told = " ".join("".join(rng.choice(list("abcdefghijklmno"), size=int(rng.integers(3, 9)))) for _ in range(words))
    cv2.putText(screen, told, (left, top + 17), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (ink, ink, ink), 1, cv2.LINE_AA)
