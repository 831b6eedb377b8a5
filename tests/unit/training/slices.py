"""Slices drawn by hand, as files in a folder."""

from pathlib import Path

import numpy as np

from shared.domain import TumorClass
from tests.unit.inference.phantoms import draw_head, encode
from training.dataset.slices import Slice


def drawn_slice(
    folder: Path,
    name: str,
    *,
    label: TumorClass = TumorClass.GLIOMA,
    source: str = "figshare",
    fold: int = 0,
    image_format: str = "JPEG",
    size: tuple[int, int] = (240, 256),
) -> Slice:
    """A drawn head; with a bright tumour at the middle of its outline unless healthy."""
    width, height = size
    healthy = label is TumorClass.NOTUMOR
    tumour = None if healthy else (round(width * 0.6), round(height * 0.4))
    path = folder / f"{name}.{image_format.lower()}"
    path.write_bytes(encode(draw_head(width, height, tumour=tumour), image_format))
    box = np.array([[0.52, 0.32], [0.68, 0.32], [0.68, 0.48], [0.52, 0.48]], np.float32)
    outline = None if healthy else box * 512
    return Slice(path=path, label=label, source=source, patient=f"{source}:{name}", fold=fold, outline=outline)
