"""Makes the bundle that is shipped: the network trained on everything, calibrated by those that were not.

Nobody can measure a network that has seen every patient. Its figures, temperature and review thresholds are those of
the cross-validation of the same recipe.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from training.evaluation.calibrate import fit_calibration
from training.evaluation.scores import ScanScore
from training.export import export_bundle
from worker.inference.distance import load_training_features
from worker.inference.gate import Gate
from worker.inference.model import load_model


def release(
    trained: Path,
    folder: Path,
    *,
    scores: Sequence[ScanScore],
    gate: Gate | None = None,
    caveats: Sequence[str] = (),
) -> None:
    """Write `folder` from the bundle of a run on all folds, the out-of-fold `scores` of its recipe, and the `gate`.

    `caveats`: what its card and the service tell beside its figures.

    Raises ValueError where the scores are of one fold only, InvalidBundle for what is no bundle.
    """
    folds = sorted({score.fold for score in scores})
    if len(folds) < 2:
        raise ValueError(f"scores of fold {folds} alone say too little of a network trained on all of them")
    model = load_model(trained)
    known = model.bundle.training_features
    calibration = fit_calibration(scores)
    export_bundle(
        model.network,
        folder,
        temperature=calibration.temperature,
        healthy_offset=calibration.healthy_offset,
        review_below=calibration.review_below,
        review_beyond=calibration.review_beyond,
        training_features=load_training_features(known) if known else None,
        gate=gate,
        training_data=model.bundle.description["training_data"],
        trained_on=f"all scans of folds {', '.join(map(str, folds))}",
        caveats=caveats,
    )
