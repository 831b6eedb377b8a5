"""Tables in hand-written documents that are filled from JSON, so that no figure is typed.

A document holds `<!-- from PATH: TABLE -->` and `<!-- end -->`; what stands between is replaced. PATH is that of a
JSON file of figures, from the repository's root.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from training.publication import calibration_tables, comparison_tables, tables
from training.publication.aims import aims_table
from training.publication.experiment_tables import experiment_table
from training.publication.section_tables import section_tables
from training.publication.shortcut_tables import within_source_table
from training.publication.strangers import strangers_table
from training.publication.tuning import tuning_table

_TABLES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "headline": tables.headline_table,
    "data": tables.data_table,
    "classes": tables.class_table,
    "confusion": tables.confusion_table,
    "sources": partial(tables.group_table, by="by_source"),
    "folds": partial(tables.group_table, by="by_fold"),
    "unseen_patients": tables.unseen_table,
    "calibration": calibration_tables.calibration_table,
    "wanted": calibration_tables.wanted_table,
    "review": tables.review_table,
    "heatmaps": tables.heatmap_table,
    "sizes": tables.size_table,
    "size_baselines": tables.size_baseline_table,
    "shortcuts-within-a-source": within_source_table,
    "comparison": comparison_tables.comparison_table,
    "differences": comparison_tables.difference_table,
    "tuning": tuning_table,
}
_OF_SEVERAL_FILES: Mapping[str, Callable[[Mapping[str, Any], Path], str]] = {
    "aims": aims_table,
    "strangers": strangers_table,
}
_MARKED = re.compile(r"(<!-- from (\S+): ([\w-]+) -->\n).*?(<!-- end -->)", flags=re.DOTALL)


def filled(text: str, *, root: Path) -> str:
    """The document with every marked table made anew.

    Any section of an evaluation can be named as well, and any table of experiments. Raises ValueError for a table that
    is not known.
    """

    def fill(found: re.Match[str]) -> str:
        begin, path, table, end = found.groups()
        document = json.loads((root / path).read_text())
        return f"{begin}{_drawn(document, table, path=path, root=root)}\n{end}"

    return _MARKED.sub(fill, text)


def _drawn(document: Mapping[str, Any], table: str, *, path: str, root: Path) -> str:
    if table in _OF_SEVERAL_FILES:
        return _OF_SEVERAL_FILES[table](document, root)
    if table in document.get("experiments", ()):
        return experiment_table(document["experiments"][table])
    if table in _TABLES:
        return _TABLES[table](document)
    if table in document:
        return section_tables(document[table])
    raise ValueError(f"{path}: no table or section {table}; tables: {', '.join((*_TABLES, *_OF_SEVERAL_FILES))}")


def documents_of(root: Path) -> list[Path]:
    """The documents of a repository that may hold marked tables."""
    return [path for path in (root / "README.md", *sorted((root / "docs").glob("*.md"))) if path.is_file()]


def fill_documents(root: Path) -> list[Path]:
    """Renew every marked table of the repository; the documents that changed."""
    changed = []
    for path in documents_of(root):
        text = path.read_text()
        new = filled(text, root=root)
        if new != text:
            path.write_text(new)
            changed.append(path)
    return changed
