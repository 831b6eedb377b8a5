"""Heads drawn by hand, for tests that must not need real scans."""

import io
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image


def draw_head(width: int = 240, height: int = 256, *, tumour: tuple[int, int] | None = None) -> npt.NDArray[np.uint8]:
    """A skull, a brain and, where asked, a bright spot at (x, y); grey noise keeps it from being flat."""
    image = np.zeros((height, width), np.uint8)
    centre = (width // 2, height // 2)
    cv2.ellipse(image, centre, (int(width * 0.36), int(height * 0.42)), 0, 0, 360, 200, -1)
    cv2.ellipse(image, centre, (int(width * 0.32), int(height * 0.38)), 0, 0, 360, 90, -1)
    cv2.ellipse(image, centre, (int(width * 0.05), int(height * 0.12)), 0, 0, 360, 30, -1)
    if tumour is not None:
        cv2.circle(image, tumour, max(3, width // 14), 230, -1)
    noise = np.random.default_rng(5).integers(0, 8, image.shape)
    return np.asarray(np.clip(image + noise, 0, 255), np.uint8)


def encode(image: npt.NDArray[Any] | Image.Image, image_format: str = "PNG", **options: Any) -> bytes:
    """The picture as a file's bytes."""
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    file = io.BytesIO()
    picture.save(file, image_format, **options)
    return file.getvalue()
