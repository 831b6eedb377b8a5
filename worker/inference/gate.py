"""Turns away what is no brain MRI, before the network is asked: it would give a photograph a tumour, too.

There are few examples of all that is not a brain, so this rests on what a brain MRI is: one head on a dark ground, of a
known shape, with a known share of dark and bright. Two small pictures, of the whole file and of the head in it, are
compared with those of the training scans in the directions in which these vary (principal components), and what
is left over is counted at each place up to a limit, so that a large tumour alone is not strange. Brightness beyond half
is cut off for the same reason. How colour is judged: `shared.images`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from shared.errors import InvalidScan
from worker.inference.percentiles import percentiles
from worker.inference.types import Prepared

Floats = npt.NDArray[np.float32]

NOT_A_BRAIN_MRI = "not_a_brain_mri"
MOSAIC = "mosaic"

_SHAPE_PX = 16  # side of each small picture
_WHOLE_PX = 64  # the file is shrunk to this before it is judged
_BRIGHT = 0.5  # brighter is as bright as this
_MOST_LEFT_OVER = 3.0  # standard deviations at one place
_MOST_ALONG = 9.0  # variances along one direction
_MOST_OF_GREYS = 12.0
_WEIGHT_ALONG, _WEIGHT_GREYS = 0.5, 0.1
_GREY_LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
# Between the tiles of a mosaic some row and column is this dark beside the brightest; no single head's was under 0.21.
_GAP = 0.15


@dataclass(frozen=True)
class Appearance:
    """What of one picture is judged. `shape`: float32 (512,) in [0, 1]; `greys`: float32 (20,) in [0, 1]."""

    shape: Floats
    greys: Floats


@dataclass(frozen=True)
class Gate:
    """What brain MRI looks like, fitted by `training.gate`.

    `shape_mean` (512,), `directions` (512, k) with their `variances` (k,), `left_over` (512,): standard deviation of
    what the directions do not explain. `greys_mean` (20,), `greys_whitening` (20, 20). All float32. What is
    stranger than `reject_beyond` is turned away.
    """

    shape_mean: Floats
    directions: Floats
    variances: Floats
    left_over: Floats
    greys_mean: Floats
    greys_whitening: Floats
    reject_beyond: float

    def check(self, image: npt.NDArray[np.uint8], prepared: Prepared) -> None:
        """Raise InvalidScan `not_a_brain_mri` for a picture uint8 (H, W) unlike all of them."""
        if self.strangeness(appearance_of(image, prepared)) > self.reject_beyond:
            raise InvalidScan("this does not look like a slice of a brain MRI", code=NOT_A_BRAIN_MRI)

    def strangeness(self, appearance: Appearance) -> float:
        """How unlike brain MRI, >= 0; about 1 for training scans."""
        centred = appearance.shape - self.shape_mean
        along = centred @ self.directions
        rest = np.minimum(np.abs(centred - self.directions @ along) / self.left_over, _MOST_LEFT_OVER)
        of_greys = (((appearance.greys - self.greys_mean) @ self.greys_whitening) ** 2).mean()
        return float(
            (rest**2).mean()
            + _WEIGHT_ALONG * np.minimum(along**2 / self.variances, _MOST_ALONG).mean()
            + _WEIGHT_GREYS * min(of_greys, _MOST_OF_GREYS)
        )


def appearance_of(image: npt.NDArray[np.uint8], prepared: Prepared) -> Appearance:
    """Of a picture uint8 (H, W) and what the network sees of it."""
    whole = _stretched(image, side_px=_WHOLE_PX)
    shapes = [_small(picture) for picture in (prepared.pixels, whole)]
    greys = [np.quantile(picture.ravel()[::7], _GREY_LEVELS) for picture in (prepared.pixels, whole)]
    return Appearance(shape=np.concatenate(shapes), greys=np.concatenate(greys).astype(np.float32))


def check_single(image: npt.NDArray[np.uint8]) -> None:
    """Raise InvalidScan `mosaic` where dark gaps divide the picture along both axes, as between slices in one frame."""
    lit = np.minimum(_stretched(image, side_px=2 * _WHOLE_PX) / np.float32(0.3), 1)
    if max(_darkest_gap(lit.mean(axis=0)), _darkest_gap(lit.mean(axis=1))) < _GAP:
        raise InvalidScan("several pictures lie side by side in one; send each by itself", code=MOSAIC)


def save_gate(path: Path, gate: Gate) -> None:
    """Write .npz."""
    np.savez_compressed(path, allow_pickle=False, **{field.name: getattr(gate, field.name) for field in fields(Gate)})


def load_gate(path: Path) -> Gate:
    """Read what `save_gate` wrote. Raises OSError, ValueError or KeyError."""
    with np.load(path, allow_pickle=False) as saved:
        arrays = {field.name: saved[field.name] for field in fields(Gate)}
    return Gate(**{**arrays, "reject_beyond": float(arrays["reject_beyond"])})


def _stretched(image: npt.NDArray[np.uint8], *, side_px: int) -> Floats:
    """The picture at (side_px, side_px), its greys between percentiles stretched to [0, 1]."""
    shrunk = np.asarray(cv2.resize(image, (side_px, side_px), interpolation=cv2.INTER_AREA), np.uint8)
    low, high = percentiles(shrunk, (1.0, 99.5))
    stretched = (shrunk.astype(np.float32) - np.float32(low)) / np.float32(max(high - low, 1.0))
    return np.asarray(np.clip(stretched, 0, 1), np.float32)


def _small(picture: Floats) -> Floats:
    cut = np.minimum(picture, _BRIGHT) / _BRIGHT
    return np.asarray(cv2.resize(cut, (_SHAPE_PX, _SHAPE_PX), interpolation=cv2.INTER_AREA), np.float32).ravel()


def _darkest_gap(profile: npt.NDArray[np.floating]) -> float:
    """The darkest place in the middle of what is lit, as a share of the brightest."""
    lit = np.flatnonzero(profile > 0.15 * profile.max())
    if len(lit) == 0:
        return 1.0
    within = profile[lit[0] : lit[-1] + 1]
    edge = len(within) // 5
    return float(within[edge : len(within) - edge].min() / within.max())
