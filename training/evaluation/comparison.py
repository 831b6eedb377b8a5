"""Two or more networks on the same patients: is one better, or was it luck?

Each figure's difference has a 95% interval from the same resamples of patients for both, and a p-value by
approximate randomisation (Noreen 1989; Yeh 2000, "More accurate tests for the statistical significance of result
differences"): if the two were alike, swapping all that they said of a patient would change nothing. Patients are
swapped whole, since their slices resemble each other; it serves ratios like precision, which McNemar's test does not.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from training.evaluation.bootstrap import SEED, PatientBootstrap, Statistic, interval_of, value_of
from training.evaluation.calibrate import fit_on_other_folds
from training.evaluation.curves import accuracy_of_the_surest
from training.evaluation.figures import COVERAGE, headline_statistics
from training.evaluation.outcomes import Outcomes, outcomes_of
from training.evaluation.scores import ScanScore

COMPARISON_FILE = "comparison.json"
SWAPS = 10_000
_SUREST = "accuracy_at_90_coverage"

Real = npt.NDArray[np.float64]
ByWeights = Callable[[Real], Real]


def compare(tables: Mapping[str, Sequence[ScanScore]], costs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Compare out-of-fold scores of networks by name; `costs` as `training.costs.measure` gives them, where measured.

    Raises ValueError where the tables are not of the same scans in the same folds.
    """
    if len(tables) < 2:
        raise ValueError("a comparison takes two tables or more")
    outcomes = {name: _in_file_order(scores) for name, scores in tables.items()}
    first = next(iter(outcomes.values()))
    for name, other in outcomes.items():
        _check_same_scans(first, other, name=name)
    bootstrap = PatientBootstrap(first.patients)
    swaps = PatientSwaps(len(set(first.patients.tolist())))
    statistics = {name: headline_statistics(each) for name, each in outcomes.items()}
    surest = {name: accuracy_of_the_surest(each) for name, each in outcomes.items()}
    return {
        "models": list(tables),
        "measured": {
            "scans": len(first),
            "patients": len(set(first.patients.tolist())),
            "folds": sorted(set(first.folds.tolist())),
            "test": f"paired, by patient: approximate randomisation with {SWAPS:,} swaps, not corrected for the "
            "number of figures",
        },
        "figures": {
            figure: {name: bootstrap.rate(each[figure]) for name, each in statistics.items()}
            for figure in next(iter(statistics.values()))
        }
        | {
            _SUREST: {
                name: bootstrap.rate_by_weights(each, n=int(COVERAGE * len(first))) for name, each in surest.items()
            }
        },
        "differences": [
            {
                "of": one,
                "less": other,
                "figures": {
                    figure: _difference(
                        statistics[one][figure], statistics[other][figure], bootstrap=bootstrap, swaps=swaps
                    )
                    for figure in statistics[one]
                }
                | {_SUREST: _difference_by_weights(surest[one], surest[other], bootstrap=bootstrap, scans=len(first))},
            }
            for one, other in itertools.combinations(tables, 2)
        ],
        "costs": {name: dict(cost) for name, cost in costs.items()},
    }


class PatientSwaps:
    """Which patients' answers are swapped between two networks, the same draws for every figure."""

    def __init__(self, patients: int, *, swaps: int = SWAPS, seed: int = SEED) -> None:
        self._keep = np.random.default_rng(seed).integers(0, 2, (swaps, patients)).astype(np.float64)

    def p_value(self, one: Statistic, other: Statistic, bootstrap: PatientBootstrap) -> float:
        """How often swapped networks differ at least as much as the real ones.

        What was seen is counted as a draw of its own, so that it is never 0.
        """
        ours, theirs = bootstrap.by_patient(one.columns), bootstrap.by_patient(other.columns)
        sums = self._keep @ (ours - theirs) + theirs.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            apart = np.abs(one.value(sums) - one.value(ours.sum(axis=0) + theirs.sum(axis=0) - sums))
        seen = abs(value_of(one) - value_of(other))
        return float(1 + np.count_nonzero(apart >= seen - 1e-9)) / (1 + len(self._keep))


def _difference(
    one: Statistic, other: Statistic, *, bootstrap: PatientBootstrap, swaps: PatientSwaps
) -> dict[str, Any]:
    if one.n == 0 or other.n == 0:
        return {"value": None, "interval": None, "p": None}
    value = value_of(one) - value_of(other)
    drawn = bootstrap.draws(one) - bootstrap.draws(other)
    if one.noise_raises:
        # Noise raises the smaller of two such figures more; moved back as `PatientBootstrap.rate` does it for one.
        drawn = drawn - (np.nanmean(drawn) - value)
    low, high = interval_of(drawn)
    return {
        "value": round(value, 4),
        "interval": [round(low, 4), round(high, 4)],
        "p": round(swaps.p_value(one, other, bootstrap), 4),
    }


def _difference_by_weights(
    one: ByWeights, other: ByWeights, *, bootstrap: PatientBootstrap, scans: int
) -> dict[str, Any]:
    """Without a p-value: of what depends on the order of scans there are no sums by patient to swap."""
    everyone = np.ones((1, scans))
    low, high = interval_of(bootstrap.draws_by_weights(one) - bootstrap.draws_by_weights(other))
    return {
        "value": round(float((one(everyone) - other(everyone))[0]), 4),
        "interval": [round(low, 4), round(high, 4)],
        "p": None,
    }


def _in_file_order(scores: Sequence[ScanScore]) -> Outcomes:
    in_order = sorted(scores, key=lambda score: score.file)
    return outcomes_of(in_order, fit_on_other_folds(in_order))


def _check_same_scans(first: Outcomes, other: Outcomes, *, name: str) -> None:
    same = first.files == other.files and all(
        np.array_equal(getattr(first, column), getattr(other, column)) for column in ("labels", "folds", "patients")
    )
    if not same:
        raise ValueError(
            f"{name}: other scans, labels, patients or folds than the first table's; they cannot be paired"
        )
