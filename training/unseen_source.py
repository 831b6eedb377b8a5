"""What is asked of a network on a source that it was not trained on, as a scan from another hospital would be.

There it counts less to be right than not to be wrong unnoticed: a tumour may come back as `needs_review`, never as a
confident "no tumour".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.domain import TumorClass
from training.rates import rate
from training.scores import CLASSES, ScanScore, labels_of, logits_of

_HEALTHY = CLASSES.index(TumorClass.NOTUMOR)


def unseen_source_figures(
    scores: Sequence[ScanScore], *, in_review: npt.NDArray[np.bool_] | None = None
) -> dict[str, Any]:
    """Figures of a source that was left out; every rate stands beside its n.

    `in_review`: (N,), whom the thresholds send to a person; without it the figures that need it are left out.
    """
    true, said = labels_of(scores), logits_of(scores).argmax(axis=1)
    tumour, right = true != _HEALTHY, true == said
    figures: dict[str, Any] = {
        "sources": sorted({score.source for score in scores}),
        "patients": len({score.patient for score in scores}),
        "accuracy": rate(right),
        "sensitivity": {str(label): rate(right[true == at]) for at, label in enumerate(CLASSES)},
        "tumour_called_healthy": rate(said[tumour] == _HEALTHY),
        "healthy_called_tumour": rate(said[~tumour] != _HEALTHY),
        "confusion": {
            str(label): {
                str(other): int(np.count_nonzero((true == row) & (said == column)))
                for column, other in enumerate(CLASSES)
            }
            for row, label in enumerate(CLASSES)
        },
    }
    if in_review is not None:
        figures["needs_review"] = rate(in_review)
        figures["right_or_in_review"] = rate(right | in_review)
        figures["tumour_called_healthy_unnoticed"] = rate((said[tumour] == _HEALTHY) & ~in_review[tumour])
    return figures
