"""Draws what a person looks at: the heatmap over the scan with a legend, and the bare map as a picture.

The legend stands below the scan, never over the brain. Colours are OpenCV's TURBO: its steps look even and its
ends can be told apart; where the map is low the scan shows through unchanged.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from shared.domain import TumorClass

_LEAST_SIDE_PX = 256  # smaller scans are enlarged, so that the legend can be read
_STRONGEST_BLEND = 0.55
_JPEG_QUALITY = 88
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_RAMP = cv2.applyColorMap(np.arange(256, dtype=np.uint8).reshape(1, -1), cv2.COLORMAP_TURBO)


def overlay(
    image: npt.NDArray[np.uint8], heat: npt.NDArray[np.float32], *, label: TumorClass, probability: float
) -> bytes:
    """JPEG of the scan with its heatmap and legend.

    `image`: uint8 (H, W); `heat`: float32 (H, W) in [0, 1]. The picture is at least 256 px wide; the legend adds
    a strip below with the label, its calibrated probability and the colour scale from 0 to 1.
    """
    height, width = image.shape
    enlarge = max(1, -(-_LEAST_SIDE_PX // min(height, width)))
    if enlarge > 1:
        size = (width * enlarge, height * enlarge)
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)
        heat = np.asarray(cv2.resize(heat, size, interpolation=cv2.INTER_LINEAR), np.float32)
    levels = np.rint(heat * 255).astype(np.uint8)
    colours = cv2.applyColorMap(levels, cv2.COLORMAP_TURBO)
    scan = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    share = cv2.merge([np.minimum(heat * 2, 1) * np.float32(_STRONGEST_BLEND)] * 3)
    blended = scan + (colours.astype(np.float32) - scan) * share
    picture = np.vstack([blended.astype(np.uint8), _legend(scan.shape[1], label=label, probability=probability)])
    return _encode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])


def heatmap_png(heat: npt.NDArray[np.float32]) -> bytes:
    """8-bit greyscale PNG of `heat`, float32 (H, W) in [0, 1]; 255 is 1."""
    settings = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT]
    return _encode(".png", np.rint(heat * 255).astype(np.uint8), settings)


def _legend(width: int, *, label: TumorClass, probability: float) -> npt.NDArray[np.uint8]:
    """(height, width, 3) strip: label and probability, and below them the colour scale with its ends."""
    unit = max(1.0, width / 512)
    line = round(22 * unit)
    strip = np.full((round(2.6 * line), width, 3), 24, np.uint8)
    scale, thickness = 0.5 * unit, max(1, round(unit))
    white, margin = (235, 235, 235), round(8 * unit)

    def write(text: str, *, x: int, y: int) -> int:
        (text_width, _), _ = cv2.getTextSize(text, _FONT, scale, thickness)
        cv2.putText(strip, text, (x, y), _FONT, scale, white, thickness, cv2.LINE_AA)
        return x + text_width

    write(f"{label} {probability:.0%}", x=margin, y=line)
    second = round(2.1 * line)
    start = write("low", x=margin, y=second) + margin
    (end_width, _), _ = cv2.getTextSize("high", _FONT, scale, thickness)
    stop = width - 2 * margin - end_width
    write("high", x=stop + margin, y=second)
    bar = cv2.resize(_RAMP, (stop - start, line // 2), interpolation=cv2.INTER_LINEAR)
    strip[second - line // 2 : second - line // 2 + bar.shape[0], start:stop] = bar
    return strip


def _encode(suffix: str, picture: npt.NDArray[np.uint8], settings: list[int]) -> bytes:
    done, encoded = cv2.imencode(suffix, picture, settings)
    if not done:
        raise RuntimeError(f"OpenCV could not encode a {picture.shape} picture as {suffix}")
    return bytes(encoded)
