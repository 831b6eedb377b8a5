"""Draws synthetic head scans, so that the demo and the tests need nobody's data.

They look like axial slices from afar (skull, brain, ventricles, sometimes a bright mass) and are good for
trying the service, not for judging the network.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

_DEMO_SCANS = 39


def draw_head(seed: int, *, side_px: int = 256, mass: bool = False) -> npt.NDArray[np.uint8]:
    """A (side_px, side_px) uint8 picture of a head; the same seed draws the same head."""
    random = np.random.default_rng(seed)
    canvas = Image.new("L", (side_px, side_px), 0)
    draw = ImageDraw.Draw(canvas)
    centre = side_px / 2 + random.uniform(-0.02, 0.02, 2) * side_px
    half = np.array([0.34, 0.42]) * side_px * random.uniform(0.92, 1.05)

    def ellipse(offset: tuple[float, float], scale: tuple[float, float], grey: int) -> None:
        middle, radius = centre + np.array(offset) * half, half * np.array(scale)
        draw.ellipse((*(middle - radius), *(middle + radius)), fill=grey)

    ellipse((0, 0), (1, 1), 190)
    ellipse((0, 0), (0.93, 0.94), 35)
    ellipse((0, 0), (0.88, 0.90), int(random.integers(95, 125)))
    for sign in (-1, 1):
        ellipse((0.16 * sign, -0.05), (0.09, 0.28), 40)
    if mass:
        where = (float(random.uniform(-0.5, 0.5)), float(random.uniform(-0.5, 0.5)))
        ellipse(where, (0.2, 0.17), 230)
    blurred = np.asarray(canvas.filter(ImageFilter.GaussianBlur(side_px / 128)), np.float32)
    noisy = blurred + random.normal(0, 4, blurred.shape) * (blurred > 8)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def write_demo_scans(folder: Path) -> Path:
    """Write drawn scans as PNG and JPEG, and one broken file, into `folder`; the folder."""
    for index in range(_DEMO_SCANS):
        suffix = "jpg" if index % 3 == 0 else "png"
        head = draw_head(index, side_px=(256, 320, 512)[index % 3], mass=index % 2 == 0)
        Image.fromarray(head).save(folder / f"phantom-{index:02d}.{suffix}")
    (folder / "phantom-broken.png").write_bytes(b"\x89PNG\r\n\x1a\nthis is no image")
    return folder
