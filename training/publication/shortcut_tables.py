"""How well numbers that are not about the tumour tell tumour from healthy: in all sources together, and within one.

`section_tables` leaves out what is told by source; here it is the point: who knows the source alone falls to a half.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.publication.tables import markdown_table
from training.publication.wording import number_in_words

_SEEN = ("file", "prepared")


def within_source_table(evaluation: Mapping[str, Any]) -> str:
    """The areas under the ROC curve; of the sources those that hold both tumours and healthy brains."""
    asked = {
        f"{seen}: {group}": found["tumour_or_healthy"]
        for seen in _SEEN
        for group, found in evaluation["shortcuts"][seen].items()
    }
    by_source = [found["auc_by_source"] for found in asked.values()]
    sources = [source for source in by_source[0] if any(areas[source] is not None for areas in by_source)]
    return markdown_table(
        ("tumour or healthy, AUC", "all sources", *(f"within {source}" for source in sources)),
        (
            (name, *map(number_in_words, (found["auc"], *(found["auc_by_source"][source] for source in sources))))
            for name, found in asked.items()
        ),
    )
