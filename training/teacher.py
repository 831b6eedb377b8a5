"""Finished networks as the teachers of another: the soft answers of better ones tell more than labels do.

Knowledge distillation (Hinton et al. 2015), with the teacher shown the very picture that the pupil sees (Beyer et al.
2022, "a good teacher is patient and consistent"). The teacher must not have seen the scans that the pupil is kept from:
in a cross-validation each fold's pupil has that fold's teacher.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from worker.inference.model import Model, load_model
from worker.inference.precision import Precision
from worker.inference.predict import softmax

Floats = npt.NDArray[np.float32]


class Teacher:
    """Bundles that say what they think of augmented pictures, each as much as the others.

    `share` in [0, 1] is how much of the target that is.
    """

    def __init__(self, *bundles: Path, share: float, precision: Precision = Precision.FLOAT32) -> None:
        # The pupil's, as the number format is the process's: another would become the pupil's, too.
        self._models: list[Model] = [load_model(bundle, precision=precision) for bundle in bundles]
        self._share = np.float32(share)

    def teach(self, pixels: Floats, truth: Floats) -> Floats:
        """The targets (N, 4): of pictures float32 (N, S, S, 1) of any size and their one-hot labels (N, 4)."""
        if not len(pixels):
            return truth
        said = np.mean([_asked(model, pixels) for model in self._models], axis=0)
        return np.asarray((1 - self._share) * truth + self._share * said, np.float32)


def _asked(model: Model, pixels: Floats) -> npt.NDArray[np.float64]:
    side = model.size_px
    seen = pixels
    if pixels.shape[1] != side:
        seen = np.stack([cv2.resize(picture, (side, side)) for picture in pixels[..., 0]])[..., None]
    return softmax(model.infer(np.asarray(seen, np.float32)).logits.astype(np.float64))
