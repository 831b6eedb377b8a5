"""NIfTI volumes drawn for tests, written by nibabel, full of what may be kept nowhere."""

from __future__ import annotations

from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from neurobatch.phantoms import draw_head

# Each stands in some free text of every drawn file.
SECRETS = (b"Musterfrau^Erika", b"NII-AUX-4711", b"NII-INTENT", b"NII-DB-NAME", b"NII-EXTENSION")


def draw_head_volume(slices: int = 6) -> npt.NDArray[np.uint16]:
    """Heads of 12 bits (x to the right, y to the front, z to the top), blank at both ends."""
    heads = [np.zeros_like(draw_head(0)[::4, ::4])] + [draw_head(n)[::4, ::4] for n in range(slices - 2)]
    stacked = np.stack([*heads, heads[0]]).astype(np.uint16) * 15
    return np.ascontiguousarray(stacked.transpose(2, 1, 0)[::-1, ::-1])


def draw_nifti(
    voxels: npt.NDArray[Any],
    *,
    affine: npt.NDArray[np.float64] | None = None,
    kind: type[nib.Nifti1Image] = nib.Nifti1Image,
    slope: float | None = None,
) -> bytes:
    """A `.nii` of voxels, by default with x, y, z towards the patient's right, front and top, 1 x 1 x 4 mm."""
    image = kind(voxels, np.diag([1.0, 1.0, 4.0, 1.0]) if affine is None else affine, dtype=voxels.dtype)
    header = image.header
    header["descrip"], header["aux_file"], header["intent_name"] = SECRETS[:3]
    if "db_name" in header:
        header["db_name"] = SECRETS[3]
    header.extensions.append(nib.nifti1.Nifti1Extension("comment", SECRETS[4] + b" 19630521"))
    if slope is not None:
        header.set_slope_inter(slope, 0)
    data: bytes = image.to_bytes()
    return data
