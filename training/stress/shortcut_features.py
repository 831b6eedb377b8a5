"""What can be told of a picture without looking at the brain: how large it is, how it was framed, stored and exposed.

Two sets of numbers. `file_features` are of the file as it came; `prepared_features` are of the picture that the
network sees after `worker.inference.preprocess`, which is there to take such things away.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image, JpegImagePlugin

from shared.heatmaps import Frame

# Group -> name -> value; every picture has the same groups and names.
Features = Mapping[str, Mapping[str, float]]

_DARK = 10  # grey levels; a margin is at most this bright
_BANDS = 8  # of the power spectrum
_NO_SAMPLING = -2.0  # beside Pillow's -1 (unknown), 0 (4:4:4), 1 (4:2:2), 2 (4:2:0)


def file_features(data: bytes, image: npt.NDArray[np.uint8], *, frame: Frame) -> Features:
    """Of a file's bytes, the picture uint8 (H, W) decoded from it, and the square around its head."""
    height, width = image.shape
    return {
        "size": {"width": width, "height": height, "aspect": width / height},
        "border": {
            **_margins(image <= _DARK),
            "head_x": frame.x / width,
            "head_y": frame.y / height,
            "head_side": frame.side / max(width, height),
        },
        "compression": {"bytes": len(data), "bytes_per_pixel": len(data) / (width * height), **_storage(data)},
        "ends": {
            "black": float((image == 0).mean()),
            "nearly_black": float((image <= _DARK).mean()),
            "white": float((image == 255).mean()),
            "nearly_white": float((image >= 255 - _DARK).mean()),
            "brightest": float(image.max()),
        },
    }


def prepared_features(pixels: npt.NDArray[np.float32]) -> Features:
    """Of what the network sees, float32 (S, S) in [0, 1]; where it was cut from is not told."""
    dark = _DARK / 255
    return {
        "border": {**_margins(pixels <= dark), **_rings(pixels)},
        "ends": {
            "black": float((pixels == 0).mean()),
            "nearly_black": float((pixels <= dark).mean()),
            "white": float((pixels == 1).mean()),
            "nearly_white": float((pixels >= 1 - dark).mean()),
        },
        "sharpness": _spectrum(pixels),
    }


def _margins(dark: npt.NDArray[np.bool_]) -> dict[str, float]:
    """The share of the picture that is dark from edge to edge, on each side; one bright pixel in 100 is let pass."""
    rows, columns = dark.mean(axis=1) >= 0.99, dark.mean(axis=0) >= 0.99
    sides = {"top": rows, "bottom": rows[::-1], "left": columns, "right": columns[::-1]}
    return {f"margin_{side}": _leading(lines) / len(lines) for side, lines in sides.items()}


def _leading(lines: npt.NDArray[np.bool_]) -> int:
    return len(lines) if lines.all() else int(np.argmin(lines))


def _rings(pixels: npt.NDArray[np.float32]) -> dict[str, float]:
    """Mean of the outermost twentieth on each side and of the four corners."""
    edge = max(1, pixels.shape[0] // 20)
    corners = [
        part[:, columns] for part in (pixels[:edge], pixels[-edge:]) for columns in (slice(edge), slice(-edge, None))
    ]
    return {
        "edge_top": float(pixels[:edge].mean()),
        "edge_bottom": float(pixels[-edge:].mean()),
        "edge_left": float(pixels[:, :edge].mean()),
        "edge_right": float(pixels[:, -edge:].mean()),
        "corners": float(np.mean(corners)),
        "corner_noise": float(np.std(corners)),
    }


def _spectrum(pixels: npt.NDArray[np.float32]) -> dict[str, float]:
    """log10 of the mean power in rings of equal width, from the slowest change to the fastest; a window hides edges."""
    side = pixels.shape[0]
    window = np.hanning(side)
    power = np.abs(np.fft.fft2((pixels - pixels.mean()) * np.outer(window, window))) ** 2
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    ring = (frequency / 0.5 * _BANDS).astype(int)
    return {f"band_{at}": float(np.log10(power[ring == at].mean() + 1e-12)) for at in range(_BANDS)}


def _storage(data: bytes) -> dict[str, float]:
    """How the file was written: format, channels, and of a JPEG its tables and the sampling of its colours."""
    with Image.open(io.BytesIO(data)) as image:
        return {
            "is_jpeg": float(image.format == "JPEG"),
            "is_png": float(image.format == "PNG"),
            "channels": float(len(image.getbands())),
            "progressive": float(bool(image.info.get("progressive"))),
            "resolution_stored": float("dpi" in image.info),
            **_jpeg_storage(image),
        }


def _jpeg_storage(image: Image.Image) -> dict[str, float]:
    tables: Mapping[int, list[int]] = {}
    sampling = _NO_SAMPLING
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        tables, sampling = image.quantization, float(JpegImagePlugin.get_sampling(image))
    luma, chroma = tables.get(0, [0]), tables.get(1, [])
    return {
        "quantisation_luma": float(sum(luma)),
        "quantisation_luma_dc": float(luma[0]),
        "quantisation_chroma": float(sum(chroma)),
        "sampling": sampling,
    }
