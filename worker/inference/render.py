"""The pictures a person looks at: the heatmap over the scan with a legend, and the bare map.

The legend stands beside and below the scan, never on the brain. Colour is laid on as strongly as the evidence
is, so where the network saw nothing the scan itself stays readable.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

_SHOWN_PX = (448, 1024)  # the scan's longer side in the overlay: small scans are enlarged, large ones reduced
_PAPER = 24  # grey
_INK = (235, 235, 235)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_COLOURS = cv2.COLORMAP_TURBO
_STRONGEST = 0.6  # opacity of the colour where the evidence is 1
AS_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 88)
# On smooth maps one filter for all rows is three times as fast as choosing for each, and smaller.
AS_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_SUB)


Picture = npt.NDArray[np.uint8]
Map = npt.NDArray[np.float32]
Kind = TypeVar("Kind", np.uint8, np.float32)

# For each heat of 0 to 255: the opacity of its colour, what it leaves of the grey, and what it adds, (256, 1, 3) BGR.
_OPACITY = np.minimum(np.arange(256) / 255 * 1.2 * _STRONGEST, _STRONGEST)
_GREY_LEFT = np.rint(255 * (1 - _OPACITY)).astype(np.uint8)
_RAMP = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], _COLOURS)
_COLOUR_ADDED = np.rint(_RAMP * _OPACITY[:, None, None]).astype(np.uint8)


def overlay(image: Picture, heat: Map, *, label_text: str, note_text: str = "") -> bytes:
    """JPEG of the scan under its heatmap, with a colour bar at the right and the text below.

    `image`: uint8 (H, W); `heat`: float32 (H, W) in [0, 1]. `label_text` is the prediction in a few words,
    `note_text` a smaller second line; ASCII, which is what OpenCV's font has.
    """
    height, width = image.shape
    scale = float(np.clip(max(height, width), *_SHOWN_PX)) / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    shown, shown_heat = _resize(image, size), _resize(heat, size)
    return _encode(".jpg", _page(_blend(shown, shown_heat), label_text, note_text), AS_JPEG)


def heatmap_png(heat: Map) -> bytes:
    """8-bit greyscale PNG of a map float32 (H, W) in [0, 1]: 0 is black, 1 is white; same height and width."""
    return _encode(".png", _to_bytes(heat), AS_PNG)


def _blend(image: Picture, heat: Map) -> Picture:
    """Colour over grey; what each heat adds to a pixel and leaves of its grey stands in tables."""
    levels = _to_bytes(heat)
    kept = cv2.multiply(image, cv2.LUT(levels, _GREY_LEFT), scale=1 / 255)
    return np.asarray(cv2.add(cv2.merge([kept, kept, kept]), cv2.applyColorMap(levels, _COLOUR_ADDED)), np.uint8)


def _page(picture: Picture, label_text: str, note_text: str) -> Picture:
    height, width = picture.shape[:2]
    unit = max(height, width) / 512  # the legend grows with the page
    page = _empty_page(height, width, unit, note_text).copy()
    page[:height, :width] = picture
    _write(page, label_text, at=(round(10 * unit), len(page) - round(38 * unit)), size=0.72 * unit)
    return page


@lru_cache(maxsize=32)
def _empty_page(height: int, width: int, unit: float, note_text: str) -> Picture:
    """All but the scan and its label: of one collection's scans most have the same."""
    bar_width, footer = round(74 * unit), round(64 * unit)
    page_width = max(width + bar_width, round(400 * unit))
    bar_height = max(height, round(200 * unit))
    page = np.full((bar_height + footer, page_width, 3), _PAPER, np.uint8)
    _draw_bar(page, left=page_width - bar_width, height=bar_height, unit=unit)
    _write(page, note_text, at=(round(10 * unit), bar_height + round(50 * unit)), size=0.45 * unit)
    return page


def _draw_bar(page: Picture, *, left: int, height: int, unit: float) -> None:
    """A vertical scale of 0 to 1 with its name, from `left` to the page's right edge."""
    top, bottom = round(40 * unit), height - round(14 * unit)
    x, thickness = left + round(12 * unit), round(18 * unit)
    ramp = np.linspace(255, 0, bottom - top).astype(np.uint8)[:, None]
    page[top:bottom, x : x + thickness] = cv2.applyColorMap(np.repeat(ramp, thickness, axis=1), _COLOURS)
    cv2.rectangle(page, (x - 1, top - 1), (x + thickness, bottom), _INK, 1)
    _write(page, "evidence", at=(left + round(6 * unit), round(22 * unit)), size=0.42 * unit)
    for value in (0.0, 0.5, 1.0):
        y = round(bottom - value * (bottom - top))
        text_x = x + thickness + round(5 * unit)
        cv2.line(page, (x + thickness, y), (text_x - 2, y), _INK, 1)
        _write(page, f"{value:g}", at=(text_x, y + round(5 * unit)), size=0.42 * unit)


def _write(page: Picture, text: str, *, at: tuple[int, int], size: float) -> None:
    thickness = max(1, round(size * 1.6))
    cv2.putText(page, text, at, _FONT, size, _INK, thickness, cv2.LINE_AA)


def _resize(values: npt.NDArray[Kind], size: tuple[int, int]) -> npt.NDArray[Kind]:
    if values.shape == (size[1], size[0]):
        return values
    shrinking = size[0] < values.shape[1]
    resized = cv2.resize(values, size, interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)
    return np.asarray(resized, values.dtype)


def _to_bytes(heat: Map) -> Picture:
    return np.asarray(cv2.convertScaleAbs(heat, alpha=255.0), np.uint8)


def _encode(suffix: str, picture: Picture, settings: tuple[int, ...]) -> bytes:
    done, data = cv2.imencode(suffix, picture, list(settings))
    if not done:
        raise RuntimeError(f"OpenCV could not write {suffix} of shape {picture.shape}")
    return data.tobytes()
