"""How progress, batches and results look in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO
from unicodedata import category

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from neurobatch.documents import Batch, Delivery, Scan, Webhook
from neurobatch.sending import Sent

# Wider than any row: a program that reads a path must find it in one piece.
_WIDTH_WHEN_PIPED = 10_000
_CONTROL = "Cc"  # the category of characters that a terminal obeys
_STATES = ("succeeded", "rejected", "failed", "cancelled")


def summary(batch: Batch) -> str:
    """One line: `40 scans: 39 succeeded, 1 rejected, 0 failed, 0 cancelled`."""
    return f"{batch['total']} scans: {', '.join(f'{count} {state}' for state, count in _ended(batch).items())}"


def _ended(batch: Batch) -> dict[str, int]:
    counts = batch["counts"]
    numbers = (counts["succeeded"], counts["rejected"], counts["failed"], counts["cancelled"])
    return dict(zip(_STATES, numbers, strict=True))


class _Bar:
    """A bar in a terminal; elsewhere a line whenever another quarter is done."""

    def __init__(self, *columns: ProgressColumn, file: TextIO) -> None:
        self._console = Console(file=file, emoji=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            *columns,
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("waiting", total=None)
        self._told = -1

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def _show(self, description: str, done: int, *, total: int, line: str) -> None:
        self._bar.update(self._task, description=description, completed=done, total=total)
        quarter = 4 * done // total if total else 4
        if not self._console.is_terminal and quarter != self._told:
            self._told = quarter
            print(f"{description}: {line}", file=self._console.file)


class BatchProgressBar(_Bar):
    """How many scans of a batch are done."""

    def __init__(self, *, file: TextIO) -> None:
        super().__init__(MofNCompleteColumn(), file=file)

    def update(self, batch: Batch) -> None:
        """Show one look at the batch."""
        done, total = sum(_ended(batch).values()), batch["total"]
        self._show(batch["state"], done, total=total, line=f"{done} of {total} scans done")


class SendingBar(_Bar):
    """How much of a submission has been sent."""

    def __init__(self, *, file: TextIO) -> None:
        super().__init__(DownloadColumn(), TransferSpeedColumn(), file=file)

    def update(self, sent: Sent) -> None:
        """Show how far it has come."""
        files = f"{sent.sent_files} of {sent.total_files} files"
        description = f"sending {files}" if self._console.is_terminal else "sending"
        self._show(description, sent.sent_bytes, total=sent.total_bytes, line=f"{files}, {sent.sent_bytes} bytes sent")


class DownloadBar(_Bar):
    """How many heatmaps are there."""

    def __init__(self, total: int, *, file: TextIO) -> None:
        super().__init__(MofNCompleteColumn(), file=file)
        self._total = total

    def update(self, done: int) -> None:
        """Show how many are there."""
        self._show("heatmaps", done, total=self._total, line=f"{done} of {self._total} fetched")


def print_batches(batches: Iterable[Batch]) -> None:
    """A table of batches."""
    table = _Table("batch", "name", "state", "scans", *_STATES, "created")
    for batch in batches:
        numbers = (str(count) for count in (batch["total"], *_ended(batch).values()))
        table.add_row(batch["id"], batch["name"] or "", batch["state"], *numbers, batch["created_at"])
    _print(table)


def print_webhooks(webhooks: Iterable[Webhook]) -> None:
    """A table of webhooks."""
    table = _Table("webhook", "state", "to", "description", "created")
    for webhook in webhooks:
        description = webhook["description"] or ""
        table.add_row(webhook["id"], webhook["state"], webhook["url"], description, webhook["created_at"])
    _print(table)


def print_deliveries(deliveries: Iterable[Delivery]) -> None:
    """A table of deliveries, each with what came of its newest attempt."""
    table = _Table("delivery", "event", "batch", "state", "attempts", "newest", "next")
    for delivery in deliveries:
        newest = delivery["attempts"][-1:]
        told = " ".join(str(a["status_code"] or a["error"] or "running") for a in newest)
        table.add_row(
            delivery["id"],
            delivery["event"],
            delivery["batch_id"] or "",
            delivery["state"],
            str(len(delivery["attempts"])),
            told,
            delivery["next_attempt_at"] or "",
        )
    _print(table)


def print_results(scans: Iterable[Scan], *, data_dir: Path | None) -> None:
    """A table of scans with their results; heatmap paths below `data_dir` if it is known."""
    table = _Table("file", "state", "label", "confidence", "review", "heatmap")
    for scan in scans:
        table.add_row(*_row(scan, data_dir=data_dir))
    _print(table)


class _Table(Table):
    """Without edges; what others wrote into a name reaches no terminal as a command to it."""

    def __init__(self, *headers: str) -> None:
        super().__init__(*headers, box=None, pad_edge=False)

    def add_row(self, *cells: str) -> None:  # type: ignore[override]
        """As `Table.add_row`, of plain text."""
        super().add_row(*map(_without_commands, cells))


def _without_commands(text: str) -> str:
    return "".join("\N{REPLACEMENT CHARACTER}" if category(c) == _CONTROL else c for c in text)


def _print(table: Table) -> None:
    console = Console(file=sys.stdout, emoji=False)
    if not console.is_terminal:
        console = Console(file=sys.stdout, width=_WIDTH_WHEN_PIPED, emoji=False)
    for column in table.columns:
        column.overflow = "fold"
    console.print(table, markup=False, highlight=False)


def _row(scan: Scan, *, data_dir: Path | None) -> list[str]:
    name = scan["filename"] + (f" [{scan['frame']}]" if scan["frame"] else "")
    if scan["label"] is None or scan["confidence"] is None or scan["heatmap_path"] is None:
        fault = f"{scan['code']}: {scan['message']}" if scan["code"] else ""
        return [name, scan["state"], "", "", "", fault]
    heatmap = str(data_dir / scan["heatmap_path"]) if data_dir else scan["heatmap_path"]
    review = ", ".join(scan["review_reasons"] or ()) if scan["needs_review"] else ""
    return [name, scan["state"], scan["label"], f"{scan['confidence']:.1%}", review, heatmap]
