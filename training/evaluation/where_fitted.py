"""What a calibration reached on the scans that it was fitted on, and whether a limit kept it from what was wanted.

Both that are wanted give way: the error rate outside review to the cap on the share in review, the rate of tumours
called healthy to the bound of what is added to "no tumour". Which of them decided has to be told beside the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.domain import HEALTHY
from training.evaluation.calibrate import CALLED_HEALTHY, ERROR_RATE, Calibration
from training.evaluation.outcomes import outcomes_of
from training.evaluation.rates import rate
from training.evaluation.scores import ScanScore


def where_fitted(scores: Sequence[ScanScore], calibration: Calibration) -> dict[str, Any]:
    """Of `scores`, which `calibration` was fitted on: both rates, and whether the cap and the bound decided them."""
    outcomes = outcomes_of(scores, dict.fromkeys({score.fold for score in scores}, calibration))
    wrong = ~outcomes.right[~outcomes.needs_review]
    called_healthy = outcomes.predicted[outcomes.tumours] == HEALTHY
    return {
        "error_rate_outside_review": rate(wrong),
        "tumour_called_healthy": rate(called_healthy),
        "capped": bool(wrong.sum() > ERROR_RATE * len(wrong)),
        "bounded": bool(called_healthy.sum() > CALLED_HEALTHY * len(called_healthy)),
    }
