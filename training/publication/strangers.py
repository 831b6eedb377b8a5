"""What becomes of tumours where the source says nothing or the wrong thing: are they noticed, or called healthy?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.publication.tables import markdown_table

_ELSEWHERE = Path("training") / "results" / "elsewhere.json"
_COLUMNS = ("called healthy", "called healthy and not in review", "in review", "rejected", "n")

Document = Mapping[str, Any]


def strangers_table(evaluation: Document, root: Path) -> str:
    """Tumours of a source never seen, of other hospitals, and planted ones; dashes for what was not counted."""
    unseen = evaluation["unseen_sources"]["sartaj, never seen"]
    planted = evaluation["robustness"]["counterfactuals"]["planted"]
    elsewhere = json.loads((root / _ELSEWHERE).read_text())
    volumes, served = (elsewhere[section][evaluation["model"]] for section in ("volumes", "served"))
    unnoticed = "tumour_called_healthy_without_review"
    # Who is in review is counted apart from who is called healthy: the least that can be in neither.
    least = max(0.0, planted["called_healthy"]["value"] - planted["in_review"]["value"])
    rows = {
        "of `sartaj`, never seen": (unseen["tumour_called_healthy"], _told(unseen[unnoticed]), None, None),
        "of other hospitals, without skull": (
            *(volumes["tumour_called_healthy"], _told(served[unnoticed])),
            *(volumes["in_review"], served["rejected"]),
        ),
        "planted into healthy heads": (
            *(planted["called_healthy"], f"at least {least:.1%}"),
            *(planted["in_review"], planted["rejected"]),
        ),
    }
    return markdown_table(
        ("tumours", *_COLUMNS),
        (
            (name, _told(healthy), told, _told(in_review), _told(rejected), f"{healthy['n']:,}")
            for name, (healthy, told, in_review, rejected) in rows.items()
        ),
    )


def _told(rate: Document | None) -> str:
    return f"{rate['value']:.1%}" if rate else "–"
