"""The values that pass between the stages of the pipeline; they depend on no image library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shared.domain import TumorClass
from shared.heatmaps import Frame


@dataclass(frozen=True)
class Source:
    """An uploaded file, or its bytes, and which of its pictures is meant (0 unless it holds several)."""

    data: bytes | Path = field(repr=False)
    frame: int = 0


@dataclass(frozen=True)
class Prepared:
    """What the network sees: float32 (S, S) in [0, 1], and where that square lies in the image."""

    pixels: npt.NDArray[np.float32]
    frame: Frame


class Inference(NamedTuple):
    """What one forward pass says of N scans.

    `logits`: float32 (N, 4) in the order of `TumorClass`, each the mean of its map plus a bias; `class_maps`:
    float32 (N, g, g, 4); `distances`: float32 (N,) from the training data, zeros where the model knows none;
    `gate_distances`: float32 (N,), those that the gate counts.
    """

    logits: npt.NDArray[np.float32]
    class_maps: npt.NDArray[np.float32]
    distances: npt.NDArray[np.float32]
    gate_distances: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Prediction:
    """A label with calibrated probabilities that sum to 1, and whether a person should look again.

    `distance`: from the training data, >= 0; `review_reasons`: empty unless `needs_review`.
    """

    label: TumorClass
    probabilities: Mapping[TumorClass, float]
    confidence: float
    distance: float
    needs_review: bool
    review_reasons: tuple[str, ...]


@dataclass(frozen=True)
class Point:
    """A pixel of the image, counted from its top left corner."""

    x: int
    y: int


@dataclass(frozen=True)
class Decoded:
    """A picture that was read and prepared: uint8 (H, W), and what the network sees of it.

    `strangeness`: what the gate says of it, 0 where there is none.
    """

    image: npt.NDArray[np.uint8]
    prepared: Prepared
    timings: Mapping[str, float]
    strangeness: float = 0.0


@dataclass(frozen=True)
class Predicted:
    """A decoded picture with its prediction and the coarse map that explains it: float32 (g, g) in [0, 1]."""

    decoded: Decoded
    prediction: Prediction
    grid: npt.NDArray[np.float32]
    timings: Mapping[str, float]


@dataclass(frozen=True)
class Explained:
    """One scan's whole outcome.

    `grid`: float32 (g, g) in [0, 1] over `frame` of the width x height image (`shared.heatmaps.lay_out` makes
    it full-size). `focus`: the laid-out map's peak. `overlay`: JPEG; `heatmap_png`: greyscale PNG of the
    image's size. `timings`: milliseconds of decode, preprocess, predict, explain and render.
    """

    prediction: Prediction
    grid: npt.NDArray[np.float32]
    frame: Frame
    width: int
    height: int
    focus: Point
    overlay: bytes = field(repr=False)
    heatmap_png: bytes = field(repr=False)
    timings: Mapping[str, float]


@dataclass(frozen=True)
class Rejected:
    """The input's fault, with the stable code and a sentence for people."""

    code: str
    message: str
