"""The run of everything that docs/performance.md tells of: kept in the repository, so that no figure of it is typed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.summary import markdown
from training.publication.documents import fill_documents

RECORDED_FILE = Path("benchmarks/recorded.json")
DOCUMENT = Path("docs/performance.md")
_MARKED = re.compile(rf"(<!-- made of {re.escape(str(RECORDED_FILE))} -->\n).*?(<!-- end -->)", flags=re.DOTALL)


def record(measured: Mapping[str, Any], *, root: Path) -> None:
    """Keep a run, as `build/bench.json` has it, and write its tables into the documents."""
    (root / RECORDED_FILE).write_text(json.dumps(measured, indent=1) + "\n")
    document = root / DOCUMENT
    document.write_text(with_recorded(document.read_text(), root=root))
    fill_documents(root)  # the aims of the model name a figure of the bench


def with_recorded(text: str, *, root: Path) -> str:
    """The document with the tables of the recorded run. Raises ValueError where no place is marked for them."""
    tables = markdown(json.loads((root / RECORDED_FILE).read_text()))
    text, places = _MARKED.subn(lambda found: f"{found[1]}{tables}{found[2]}", text)
    if not places:
        raise ValueError(f"{DOCUMENT}: no place is marked for {RECORDED_FILE}")
    return text
