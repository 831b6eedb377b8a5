"""Grad-CAM in closed form, from the same forward pass as the prediction.

Grad-CAM (Selvaraju et al. 2017) weighs each last feature map by the mean gradient of the logit and keeps the
positive part of the sum. Where one linear layer and a mean over the map follow the last feature maps, the gradient's
mean is the class weight / (g * g), so the weighted sum is the class map (CAM, Zhou et al. 2016) over g * g; divided by
its own maximum the factor is gone. That holds for any mean whose gradient by the map sums to 1, as that of log-mean-exp
does. A test holds it against automatic differentiation.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shared.domain import CLASSES, TumorClass


def heatmap(class_maps: npt.NDArray[np.float32], label: TumorClass) -> npt.NDArray[np.float32]:
    """Where the evidence for `label` lies.

    `class_maps`: float32 (g, g, 4) of one scan. Returns float32 (g, g) in [0, 1] whose maximum is 1, or zeros
    where nothing speaks for the label. Values that are not finite count as no evidence.
    """
    evidence = np.asarray(class_maps[..., CLASSES.index(label)], np.float32)
    positive = np.where(np.isfinite(evidence), np.maximum(evidence, 0), 0)
    peak = float(positive.max())
    # A subnormal peak would divide to nonsense; evidence that faint is none.
    if peak < float(np.finfo(np.float32).tiny):
        return np.zeros(positive.shape, np.float32)
    return np.asarray(positive / np.float32(peak), np.float32)
