"""How a volume is cut into slices, and how each is turned so that it is seen as radiologists see it.

A volume is cut across the axis along which its voxels are longest, as it was acquired; where they are about as long
as wide, across the axis nearest to the body's long one: axial slices. Of axial and coronal slices the patient's right
is on the left, of sagittal ones the front; the front or the head is on top. Slices follow each other as the normal of
such a plane points in DICOM: axial ones from the feet up, coronal ones to the back, sagittal ones to the right.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt

from shared.nifti import Volume

_ISOTROPIC = 1.1  # longest voxel side over the next one
_X, _Y, _Z = range(3)  # towards the patient's right, front, top
# Of slices across each of them: where slices, rows and columns go, as axis and sign.
_VIEWS = {
    _X: ((_X, 1), (_Z, -1), (_Y, -1)),
    _Y: ((_Y, -1), (_Z, -1), (_X, -1)),
    _Z: ((_Z, 1), (_Y, -1), (_X, -1)),
}


@dataclass(frozen=True)
class Arrangement:
    """Which voxel axes become slices, rows and columns, and which of them run backwards."""

    axes: tuple[int, int, int]
    backwards: tuple[bool, bool, bool]

    def shape(self, volume: Volume) -> tuple[int, int, int]:
        """Slices, rows, columns."""
        slices, rows, columns = (volume.shape[axis] for axis in self.axes)
        return slices, rows, columns

    def arranged(self, voxels: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Voxels (x, y, z) as a view of (slices, rows, columns)."""
        view = voxels.transpose(self.axes)
        return view[tuple(slice(None, None, -1 if backwards else 1) for backwards in self.backwards)]


def arrangement(volume: Volume) -> Arrangement:
    """How the slices of a volume lie in it."""
    body_axes = _body_axes(volume.affine)
    across = body_axes[_slice_axis(volume, body_axes)]
    axes, backwards = [], []
    for body_axis, sign in _VIEWS[across]:
        axis = body_axes.index(body_axis)
        axes.append(axis)
        backwards.append(volume.affine[body_axis, axis] * sign < 0)
    return Arrangement((axes[0], axes[1], axes[2]), (backwards[0], backwards[1], backwards[2]))


def _body_axes(affine: npt.NDArray[np.float64]) -> tuple[int, ...]:
    """Of each voxel axis the body's axis that it runs along: those that fit best together."""
    shares = np.abs(affine / np.linalg.norm(affine, axis=0))
    return max(permutations(range(3)), key=lambda order: sum(shares[body, axis] for axis, body in enumerate(order)))


def _slice_axis(volume: Volume, body_axes: tuple[int, ...]) -> int:
    if 1 in volume.shape:
        return 2 - volume.shape[::-1].index(1)
    spacing = np.linalg.norm(volume.affine, axis=0)
    _, second, longest = np.sort(spacing)
    if longest > _ISOTROPIC * second:
        return int(spacing.argmax())
    return body_axes.index(_Z)
