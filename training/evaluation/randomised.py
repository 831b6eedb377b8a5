"""A control for the heatmaps: with random weights they must point at tumours no better than chance.

An explanation that survives the loss of all that was learned explains the picture, not the network (Adebayo et al.
2018, "Sanity checks for saliency maps"). An untrained network calls every scan something; the map of that class
is scored through the same pipeline as everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from training.dataset.slices import Slice
from training.evaluation.scores import HeatmapScore
from training.evaluation.scoring import score
from worker.inference.model import Model
from worker.inference.pipeline import Network

SEEDS = 10


def randomised(model: Model) -> Callable[[int], Network]:
    """Of a seed, the same network as it was before it was trained."""

    def build(seed: int) -> Network:
        keras.utils.set_random_seed(seed)
        return Model(model.bundle, keras.models.clone_model(model.network), training_features=None)

    return build


def measure_randomised(
    network: Callable[[int], Network],
    slices: Sequence[Slice],
    *,
    seeds: int = SEEDS,
    report: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """The section `randomised_weights` of an evaluation: how often the peak lies in the box, mean over seeds.

    Beside what the pictures alone give: any pixel of the brain and the brightest one; not their centre, which is nearer
    to most tumours.

    Takes the tumours among `slices` that are outlined. Raises ValueError where there is none.
    """
    tumours = [item for item in slices if item.outline is not None]
    if not tumours:
        raise ValueError("no outlined tumour among the slices")
    by_seed: list[float] = []
    heatmaps: list[HeatmapScore] = []
    for seed in range(seeds):
        scored = score(network(seed), tumours, report=lambda _: None)
        heatmaps = [each.heatmap for each in scored if each.heatmap is not None]
        by_seed.append(round(float(np.mean([heatmap.peak_in_box for heatmap in heatmaps])), 4))
        report(f"seed {seed}: peak in the box in {by_seed[-1]:.1%}")
    baselines = {  # of the pictures alone, so the same for every seed
        "brain_uniform": round(float(np.mean([heatmap.uniform_in_box for heatmap in heatmaps])), 4),
        "brightest": round(float(np.mean([heatmap.brightest_in_box for heatmap in heatmaps])), 4),
    }
    mean = round(float(np.mean(by_seed)), 4)
    return {
        "peak_in_box": {"value": mean, "n": len(tumours)},
        "by_seed": by_seed,
        "lowest_of_a_seed": {"value": min(by_seed), "n": len(tumours)},
        "highest_of_a_seed": {"value": max(by_seed), "n": len(tumours)},
        "baselines": {name: {"value": value, "n": len(tumours)} for name, value in baselines.items()},
        "above_the_better_baseline": {"value": round(mean - max(baselines.values()), 4), "n": len(tumours)},
    }
