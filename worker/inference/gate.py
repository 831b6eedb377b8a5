"""Turns away what is no brain MRI, before the network is asked: it would give a photograph a tumour, too.

There are few examples of all that is not a brain, so this rests on what a brain MRI is: one head on a dark ground, of a
known shape, with a known share of dark and bright. Two small pictures, of the whole file and of the head in it, are
compared with those of the training scans in the directions in which these vary (principal components), and what
is left over is counted at each place up to a limit, so that a large tumour alone is not strange. Brightness beyond half
is cut off for the same reason. What so small a picture does not tell must be little as well: a head is one solid thing,
a page of text is not. Other parts of the body pass for a strange head by such small pictures; so what is left is judged
again when the network has seen it, by how strange it looked and how far its features lie from those of brains, with
skull and without, before it is given a label. How colour is judged: `shared.images`; CT of heads, which look like MRI
of heads in all of this: `worker.inference.modality`.
"""

from __future__ import annotations

import math
from dataclasses import MISSING, dataclass, fields
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from shared.errors import InvalidScan
from worker.inference.distance import TrainingFeatures
from worker.inference.modality import looks_like_ct
from worker.inference.percentiles import percentiles
from worker.inference.types import Prepared

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

NOT_A_BRAIN_MRI = "not_a_brain_mri"
MOSAIC = "mosaic"

_SHAPE_PX = 16  # side of each small picture
_SHRUNK_PX = 128  # side of the picture that is judged of the whole file
_WHOLE_PX = 64  # and of the one that its appearance is taken from
_BRIGHT = 0.5  # brighter is as bright as this
_MOST_LEFT_OVER = 3.0  # standard deviations at one place
_MOST_ALONG = 9.0  # variances along one direction
_MOST_OF_GREYS = 12.0
_WEIGHT_ALONG, _WEIGHT_GREYS = 0.5, 0.1
_ALL_GREYS = np.arange(256, dtype=np.float32)
_GREY_LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
# Between the tiles of a mosaic some row and column is this dark beside the brightest; no single head's was under 0.21.
_GAP = 0.15
_MOST_ROUGH = 0.45  # figshare and Br35H were under 0.42, but for four that had their edges drawn; text was over 0.49


@dataclass(frozen=True)
class Appearance:
    """What of one picture is judged. `shape`: float32 (512,) in [0, 1]; `greys`: float32 (20,) in [0, 1].

    `roughness`, from 0 to about 1: the share of the whole file's variance that its small picture does not tell.
    """

    shape: Floats
    greys: Floats
    roughness: float


@dataclass(frozen=True)
class Gate:
    """What brain MRI looks like, fitted by `training.gate`.

    `shape_mean` (512,), `directions` (512, k) with their `variances` (k,), `left_over` (512,): standard deviation of
    what the directions do not explain. `greys_mean` (20,), `greys_whitening` (20, 20). All float32. What is
    stranger than `reject_beyond` is turned away, and what is stranger than `reject_beyond_with_distance` once its
    strangeness is multiplied by its distance from `kin` (brain MRI with skull and without) to the power of
    `distance_power`. A gate without kin counts the distance from the training data as it came, which is of whole heads.
    `rejects_ct`: CT of heads is turned away for what it is; older gates judge it as anything else.
    """

    shape_mean: Floats
    directions: Floats
    variances: Floats
    left_over: Floats
    greys_mean: Floats
    greys_whitening: Floats
    reject_beyond: float
    reject_beyond_with_distance: float = math.inf
    distance_power: float = 1.0
    rejects_ct: bool = False
    kin: TrainingFeatures | None = None

    def check(self, shrunk: Pixels, prepared: Prepared) -> float:
        """How strange a picture is. Raises InvalidScan `not_a_brain_mri` for one unlike all of them, or for a CT."""
        if self.rejects_ct and looks_like_ct(prepared.pixels):
            raise InvalidScan("this looks like a CT, in which bone is white; only MRI is read", code=NOT_A_BRAIN_MRI)
        strangeness = self.strangeness(appearance_of(shrunk, prepared))
        if strangeness > self.reject_beyond:
            raise _not_a_brain_mri()
        return strangeness

    def check_again(self, strangeness: float, *, distance: float) -> None:
        """The same by the `distance` from kin as well; raises the same."""
        if with_distance(strangeness, distance, power=self.distance_power) > self.reject_beyond_with_distance:
            raise _not_a_brain_mri()

    def strangeness(self, appearance: Appearance) -> float:
        """How unlike brain MRI, >= 0; about 1 for training scans, infinite for what is no solid thing."""
        if appearance.roughness > _MOST_ROUGH:
            return math.inf
        centred = appearance.shape - self.shape_mean
        along = centred @ self.directions
        rest = np.minimum(np.abs(centred - self.directions @ along) / self.left_over, _MOST_LEFT_OVER)
        of_greys = (((appearance.greys - self.greys_mean) @ self.greys_whitening) ** 2).mean()
        return float(
            (rest**2).mean()
            + _WEIGHT_ALONG * np.minimum(along**2 / self.variances, _MOST_ALONG).mean()
            + _WEIGHT_GREYS * min(of_greys, _MOST_OF_GREYS)
        )


def with_distance(strangeness: float, distance: float, *, power: float) -> float:
    """What `reject_beyond_with_distance` limits."""
    return strangeness * math.pow(distance, power)


def shrink(image: Pixels) -> Pixels:
    """A picture uint8 (H, W) as it is judged: (128, 128)."""
    height, width = image.shape
    # OpenCV halves five times as fast as it takes other averages.
    while min(height, width) >= 2 * _SHRUNK_PX and height % 2 == width % 2 == 0:
        height, width = height // 2, width // 2
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(image, (_SHRUNK_PX, _SHRUNK_PX), interpolation=cv2.INTER_AREA), np.uint8)


def appearance_of(shrunk: Pixels, prepared: Prepared) -> Appearance:
    """Of a picture and what the network sees of it."""
    size = (_WHOLE_PX, _WHOLE_PX)
    whole = _stretched(np.asarray(cv2.resize(shrunk, size, interpolation=cv2.INTER_AREA), np.uint8))
    shapes = [_small(_cut(picture)) for picture in (prepared.pixels, whole)]
    greys = [_quantiles(picture.ravel()[::7]) for picture in (prepared.pixels, whole)]
    return Appearance(
        shape=np.concatenate(shapes).ravel(),
        greys=np.concatenate(greys),
        roughness=_roughness(_cut(whole), small=shapes[1]),
    )


def check_single(shrunk: Pixels) -> None:
    """Raise InvalidScan `mosaic` where dark gaps divide the picture along both axes, as between slices in one frame."""
    lit = np.minimum(_stretched(shrunk) / np.float32(0.3), 1)
    if max(_darkest_gap(lit.mean(axis=0)), _darkest_gap(lit.mean(axis=1))) < _GAP:
        raise InvalidScan("several pictures lie side by side in one; send each by itself", code=MOSAIC)


def save_gate(path: Path, gate: Gate) -> None:
    """Write .npz."""
    arrays = {field.name: getattr(gate, field.name) for field in fields(Gate) if field.name != "kin"}
    if gate.kin is not None:
        arrays |= {"kin_whitening": gate.kin.whitening, "kin_means": gate.kin.means}
    np.savez_compressed(path, allow_pickle=False, **arrays)


def load_gate(path: Path) -> Gate:
    """Read what `save_gate` wrote; older files hold no kin, no limit with distance, no power, or nothing on CT.

    Raises OSError, ValueError or KeyError.
    """
    with np.load(path, allow_pickle=False) as saved:
        held = dict(saved)
    needed = {field.name for field in fields(Gate) if field.default is MISSING}
    named = {field.name: held[field.name] for field in fields(Gate) if field.name in needed | held.keys()}
    whole = {name: value.item() if value.ndim == 0 else value for name, value in named.items()}
    has_kin = "kin_means" in held
    kin = TrainingFeatures(whitening=held["kin_whitening"], means=held["kin_means"]) if has_kin else None
    return Gate(**whole, kin=kin)


def _not_a_brain_mri() -> InvalidScan:
    return InvalidScan("this does not look like a slice of a brain MRI", code=NOT_A_BRAIN_MRI)


def _stretched(shrunk: Pixels) -> Floats:
    """The greys between percentiles stretched to [0, 1]: each of 256 once, then looked up."""
    low, high = percentiles(shrunk, (1.0, 99.5))
    stretched = (_ALL_GREYS - np.float32(low)) / np.float32(max(high - low, 1.0))
    return np.asarray(cv2.LUT(shrunk, np.clip(stretched, 0, 1)), np.float32)


def _quantiles(values: Floats) -> Floats:
    """At the grey levels, as `numpy.quantile` in a third of the time."""
    places = np.array(_GREY_LEVELS) * (len(values) - 1)
    return np.asarray(np.interp(places, np.arange(len(values)), np.sort(values)), np.float32)


def _cut(picture: Floats) -> Floats:
    return np.asarray(np.minimum(picture, _BRIGHT) / _BRIGHT, np.float32)


def _small(picture: Floats) -> Floats:
    return np.asarray(cv2.resize(picture, (_SHAPE_PX, _SHAPE_PX), interpolation=cv2.INTER_AREA), np.float32)


def _roughness(picture: Floats, *, small: Floats) -> float:
    told = cv2.resize(small, picture.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return float(np.square(picture - told).mean() / max(float(picture.var()), 1e-9))


def _darkest_gap(profile: npt.NDArray[np.floating]) -> float:
    """The darkest place in the middle of what is lit, as a share of the brightest."""
    lit = np.flatnonzero(profile > 0.15 * profile.max())
    if len(lit) == 0:
        return 1.0
    within = profile[lit[0] : lit[-1] + 1]
    edge = len(within) // 5
    return float(within[edge : len(within) - edge].min() / within.max())
