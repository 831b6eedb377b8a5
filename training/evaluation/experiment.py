"""What one run gave on the scans it left out: enough to choose the next by, before anything is calibrated.

Every figure is {"value", "n"}: a share of n scans, but for `energy_over_uniform` (times). `right_in_training`, a
share, and `minutes` have no n.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.evaluation.bootstrap import Statistic, value_of
from training.evaluation.calibrate import Calibration
from training.evaluation.figures import class_statistics, energy_over_uniform, headline_statistics
from training.evaluation.history import CONFIG_FILE, HISTORY_FILE, training_minutes
from training.evaluation.outcomes import Outcomes, outcomes_of
from training.evaluation.rates import rate
from training.evaluation.scores import SCORES_FILE, ScanScore, read_scores

_AS_IT_SAYS = Calibration(temperature=1.0, healthy_offset=0.0, review_below=0.0, review_beyond=math.inf)
_OF_LABELS = ("accuracy", "figshare_tumour_accuracy", "tumour_called_healthy", "healthy_called_tumour")
_OF_HEATMAPS = ("peak_in_box", "peak_in_outline")

Figures = dict[str, dict[str, Any]]


def experiment_of(run_dir: Path, *, counterfactuals: Mapping[str, Any]) -> dict[str, Any]:
    """The settings and figures of a finished run: `config.json`, `scores.csv` and `history.jsonl` in `run_dir`.

    `counterfactuals`: what its bundle answered, by `training.stress.counterfactual_answers`.
    Raises OSError where the run is not finished.
    """
    figures = figures_of_scores(read_scores(run_dir / SCORES_FILE))
    for figure, (kind, answer) in _ANSWERS.items():
        found = counterfactuals[kind][answer]
        if found["n"]:
            figures[figure] = {"value": found["value"], "n": found["n"]}
    last = json.loads((run_dir / HISTORY_FILE).read_text().splitlines()[-1])
    figures["right_in_training"] = {"value": last["logits_accuracy"]}
    figures["minutes"] = {"value": training_minutes(run_dir / HISTORY_FILE)}
    config = json.loads((run_dir / CONFIG_FILE).read_text())
    return {"left_out": run_dir.name, "config": config, "figures": figures}


def figures_of_scores(scores: Sequence[ScanScore]) -> Figures:
    """Labels, sources and heatmaps of one table; a figure that counts over no scan is not there."""
    outcomes = outcomes_of(scores, dict.fromkeys({score.fold for score in scores}, _AS_IT_SAYS))
    headline = headline_statistics(outcomes)
    chosen = {name: headline[name] for name in (*_OF_LABELS, *_OF_HEATMAPS)}
    chosen["energy_over_uniform"] = energy_over_uniform(outcomes, place="in_box")
    sensitivity = class_statistics(outcomes)["sensitivity"]
    chosen |= {f"sensitivity_{label}": statistic for label, statistic in sensitivity.items()}
    return {name: _value(statistic) for name, statistic in chosen.items() if statistic.n} | _by_source(outcomes)


def _by_source(outcomes: Outcomes) -> Figures:
    return {
        f"accuracy_{source}": dict(rate(outcomes.right[outcomes.sources == source]))
        for source in ("br35h", "sartaj")
        if (outcomes.sources == source).any()
    }


def _value(statistic: Statistic) -> dict[str, Any]:
    return {"value": round(value_of(statistic), 4), "n": statistic.n}


_ANSWERS = {
    "healed_called_healthy": ("healed", "called_healthy"),
    "planted_called_a_tumour": ("planted", "called_a_tumour"),
    "planted_called_the_right_one": ("planted", "right"),
    "stripped_tumour_called_healthy": ("stripped_tumour", "called_healthy"),
    "stripped_tumour_called_the_right_one": ("stripped_tumour", "right"),
    "stripped_healthy_called_tumour": ("stripped_healthy", "called_a_tumour"),
}
