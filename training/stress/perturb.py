"""The same scan as another machine, viewer or export might have given it.

Each change is of the decoded picture at its own size, before anything is prepared, and moves the outline along.
A network that looks at the tumour should hardly notice any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Real = npt.NDArray[np.float32]
Outline = npt.NDArray[np.float32]

_BLUR_FRAME_PX = 512  # a blur is told for a picture of this longer side
_BIAS = "times (1 + a p) / max(1 + a p), p a random polynomial of degree 2 in x and y with largest |p| = 1"


@dataclass(frozen=True)
class Picture:
    """uint8 (H, W), and the outline float32 (n, 2) of (x, y) in its pixels, None where none was drawn."""

    pixels: Pixels
    outline: Outline | None


Change = Callable[[Picture, np.random.Generator], Picture]


@dataclass(frozen=True)
class Perturbation:
    """A change and what it does, in words that name its parameters."""

    means: str
    change: Change


def _values(function: Callable[[Real, np.random.Generator], Real]) -> Change:
    """A change of grey values alone, float32 (H, W) of 0 to 1 in and out; what leaves the range is clipped."""

    def change(picture: Picture, rng: np.random.Generator) -> Picture:
        values = function(picture.pixels.astype(np.float32) / np.float32(255), rng)
        return Picture(np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8), picture.outline)

    return change


def _same(picture: Picture, _: np.random.Generator) -> Picture:
    return picture


def _compress(picture: Picture, _: np.random.Generator, *, quality: int) -> Picture:
    data = cv2.imencode(".jpg", picture.pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return Picture(np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8), picture.outline)


def _crop(picture: Picture, _: np.random.Generator, *, share: float) -> Picture:
    height, width = picture.pixels.shape
    top, left = round(height * share), round(width * share)
    return _moved(picture, np.ascontiguousarray(picture.pixels[top : height - top, left : width - left]), -left, -top)


def _border(picture: Picture, _: np.random.Generator, *, share: float) -> Picture:
    height, width = picture.pixels.shape
    top, left = round(height * share), round(width * share)
    framed = cv2.copyMakeBorder(picture.pixels, top, top, left, left, cv2.BORDER_CONSTANT, value=0)
    return _moved(picture, np.asarray(framed, np.uint8), left, top)


def _moved(picture: Picture, pixels: Pixels, right: int, down: int) -> Picture:
    """The outline shifted, and cut where the picture now ends; None where nothing of it is left."""
    if picture.outline is None:
        return Picture(pixels, None)
    last = np.array(pixels.shape[::-1]) - 1
    shifted = picture.outline + np.array([right, down], np.float32)
    if (shifted.max(axis=0) < 0).any() or (shifted.min(axis=0) > last).any():
        return Picture(pixels, None)
    return Picture(pixels, np.clip(shifted, 0, last).astype(np.float32))


def _mirror(picture: Picture, _: np.random.Generator) -> Picture:
    mirrored = np.ascontiguousarray(picture.pixels[:, ::-1])
    if picture.outline is None:
        return Picture(mirrored, None)
    last = np.float32(picture.pixels.shape[1] - 1)
    return Picture(mirrored, np.column_stack([last - picture.outline[:, 0], picture.outline[:, 1]]))


def _rescale(picture: Picture, _: np.random.Generator, *, longer_px: int) -> Picture:
    height, width = picture.pixels.shape
    scale = longer_px / max(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture.pixels, size, interpolation=cv2.INTER_AREA)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return Picture(np.asarray(large, np.uint8), picture.outline)


def _gamma(values: Real, _: np.random.Generator, *, power: float) -> Real:
    return np.asarray(values ** np.float32(power), np.float32)


def _window(values: Real, _: np.random.Generator, *, low: float, high: float) -> Real:
    return (values - np.float32(low)) / np.float32(high - low)


def _noise(values: Real, rng: np.random.Generator, *, sigma: float) -> Real:
    """Rician, as the magnitude of a complex signal has it (Gudbjartsson & Patz 1995)."""
    real, imaginary = rng.standard_normal((2, *values.shape), np.float32) * np.float32(sigma)
    return np.asarray(np.hypot(values + real, imaginary), np.float32)


def _blur(values: Real, _: np.random.Generator, *, sigma: float) -> Real:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma * max(values.shape) / _BLUR_FRAME_PX), np.float32)


def _bias(values: Real, rng: np.random.Generator, *, amplitude: float) -> Real:
    field = 1 + np.float32(amplitude) * smooth_field(*values.shape, rng=rng)
    return np.asarray(values * field / field.max(), np.float32)


def smooth_field(height: int, width: int, *, rng: np.random.Generator) -> Real:
    """A random polynomial of the second degree in x and y, float32 (height, width), its largest value 1 or -1."""
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([x, y, x * y, x * x - 1 / 3, y * y - 1 / 3])
    field = np.tensordot(rng.standard_normal(len(terms)), terms, axes=1)
    return np.asarray(field / np.abs(field).max(), np.float32)


UNCHANGED = "unchanged"

# The order is that of tables and plots.
PERTURBATIONS: Mapping[str, Perturbation] = {
    UNCHANGED: Perturbation("the picture as it is", _same),
    "jpeg_90": Perturbation("written again as JPEG of quality 90", partial(_compress, quality=90)),
    "jpeg_60": Perturbation("written again as JPEG of quality 60", partial(_compress, quality=60)),
    "jpeg_30": Perturbation("written again as JPEG of quality 30", partial(_compress, quality=30)),
    "crop_5": Perturbation("5% of the side cut off at each edge: just into most heads", partial(_crop, share=0.05)),
    "crop_15": Perturbation("15% of the side cut off at each edge: into nearly every head", partial(_crop, share=0.15)),
    "border_5": Perturbation("a black border of 5% of the side at each edge", partial(_border, share=0.05)),
    "border_15": Perturbation("a black border of 15% of the side at each edge", partial(_border, share=0.15)),
    "rescale_256": Perturbation("reduced to 256 px if larger, enlarged again", partial(_rescale, longer_px=256)),
    "rescale_128": Perturbation("reduced to 128 px if larger, enlarged again", partial(_rescale, longer_px=128)),
    "gamma_0.6": Perturbation("grey value v in [0, 1] to v^0.6: brighter", _values(partial(_gamma, power=0.6))),
    "gamma_1.6": Perturbation("grey value v in [0, 1] to v^1.6: darker", _values(partial(_gamma, power=1.6))),
    "window": Perturbation("narrow window: black to 0.1, white from 0.8", _values(partial(_window, low=0.1, high=0.8))),
    "bias_0.3": Perturbation(f"{_BIAS}, a = 0.3", _values(partial(_bias, amplitude=0.3))),
    "bias_0.6": Perturbation(f"{_BIAS}, a = 0.6", _values(partial(_bias, amplitude=0.6))),
    "noise_0.02": Perturbation("Rician noise, sigma 0.02 of the range", _values(partial(_noise, sigma=0.02))),
    "noise_0.05": Perturbation("Rician noise, sigma 0.05 of the range", _values(partial(_noise, sigma=0.05))),
    "noise_0.1": Perturbation("Rician noise, sigma 0.1 of the range", _values(partial(_noise, sigma=0.1))),
    "blur_1": Perturbation(f"Gaussian, sigma 1 px at {_BLUR_FRAME_PX} px", _values(partial(_blur, sigma=1))),
    "blur_2": Perturbation(f"Gaussian, sigma 2 px at {_BLUR_FRAME_PX} px", _values(partial(_blur, sigma=2))),
    "mirror": Perturbation("left and right exchanged", _mirror),
}
