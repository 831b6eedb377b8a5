"""Finished networks as the teachers of another: the soft answers of better ones tell more than labels do.

Knowledge distillation (Hinton et al. 2015), with the teacher shown the very picture that the pupil sees (Beyer et al.
2022, "a good teacher is patient and consistent"). The teacher must not have seen the scans that the pupil is kept from:
in a cross-validation each fold's pupil has that fold's teacher.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from training.config import TrainingConfig
from training.dataset.slices import Slice
from training.evaluation.scores import SCORES_FILE, read_scores
from training.export import BUNDLE_FOLDER
from worker.inference.bundle import read_bundle
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


def find_teacher(
    config: TrainingConfig, *, run_dir: Path, left_out: Sequence[Slice], training_data: str
) -> Teacher | None:
    """The bundles that the teachers' runs made of the same scans, if the config names any.

    They lie beside `run_dir`'s run, which may be called more than its config is: `cnn-taught-mine` for a folder `mine`
    is taught by `mobilenetv2-mine`. Raises ValueError where one was taught on other data, or on what is left out here.
    """
    if not config.teacher:
        return None
    run = run_dir.parent
    own_data = run.name.removeprefix(config.name) if run.name.startswith(config.name) else ""
    folders = [run.parent / f"{name}{own_data}" / run_dir.name for name in config.teacher.split("+")]
    for folder in folders if left_out else ():
        scores = folder / SCORES_FILE
        kept_from = {score.file for score in read_scores(scores)} if scores.exists() else set()
        if {item.file for item in left_out} - kept_from:
            raise ValueError(f"the teacher in {folder} was not kept from all that is left out here; train it first")
    bundles = [folder / BUNDLE_FOLDER for folder in folders]
    for bundle in bundles:
        told = str(read_bundle(bundle).description["training_data"])
        if not told.startswith(training_data):
            raise ValueError(f"the teacher in {bundle} was taught on other data: {told}")
    return Teacher(*bundles, share=config.teacher_share, precision=Precision(config.precision))


def _asked(model: Model, pixels: Floats) -> npt.NDArray[np.float64]:
    side = model.size_px
    seen = pixels
    if pixels.shape[1] != side:
        seen = np.stack([cv2.resize(picture, (side, side)) for picture in pixels[..., 0]])[..., None]
    return softmax(model.infer(np.asarray(seen, np.float32)).logits.astype(np.float64))
