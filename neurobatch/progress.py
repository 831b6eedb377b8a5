"""How a batch's progress and results look in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

_WIDTH_WHEN_PIPED = 240
_STATES = ("succeeded", "rejected", "failed", "cancelled")


def summary(batch: dict[str, Any]) -> str:
    """One line: `40 scans: 39 succeeded, 1 rejected, 0 failed, 0 cancelled`."""
    counts = ", ".join(f"{batch['counts'][state]} {state}" for state in _STATES)
    return f"{batch['total']} scans: {counts}"


class BatchProgressBar:
    """A bar in a terminal; elsewhere a line whenever a quarter of the batch is done."""

    def __init__(self, *, file: TextIO) -> None:
        self._console = Console(file=file)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("waiting", total=None)
        self._told = -1

    def __enter__(self) -> BatchProgressBar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def update(self, batch: dict[str, Any]) -> None:
        """Show one look at the batch."""
        done = sum(batch["counts"][state] for state in _STATES)
        self._bar.update(self._task, description=batch["state"], completed=done, total=batch["total"])
        quarter = 4 * done // batch["total"]
        if not self._console.is_terminal and quarter != self._told:
            self._told = quarter
            print(f"{batch['state']}: {done} of {batch['total']} scans done", file=self._console.file)


def print_results(scans: Sequence[dict[str, Any]], *, data_dir: Path | None) -> None:
    """A table of scans with their results; heatmap paths below `data_dir` if it is known."""
    console = Console(file=sys.stdout)
    if not console.is_terminal:
        console = Console(file=sys.stdout, width=_WIDTH_WHEN_PIPED)
    table = Table("file", "state", "label", "confidence", "review", "heatmap", box=None, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    for scan in scans:
        table.add_row(*_row(scan, data_dir=data_dir))
    console.print(table, markup=False, highlight=False)


def _row(scan: dict[str, Any], *, data_dir: Path | None) -> list[str]:
    name = scan["filename"] + (f" [{scan['frame']}]" if scan["frame"] else "")
    if scan["label"] is None:
        return [name, scan["state"], "", "", "", f"{scan['code']}: {scan['message']}"]
    heatmap = str(data_dir / scan["heatmap_path"]) if data_dir else scan["heatmap_path"]
    review = ", ".join(scan["review_reasons"]) if scan["needs_review"] else ""
    return [name, scan["state"], scan["label"], f"{scan['confidence']:.1%}", review, heatmap]
