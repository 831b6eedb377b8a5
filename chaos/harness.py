"""Runs every kind of fault again and again, judges after each, and keeps the table."""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from uuid import UUID

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from chaos.invariants import Verdict, judge
from chaos.kinds import Kind
from chaos.poison import POISON, POISON_NAME
from chaos.rig import ENDED_WITHIN_S, Rig, running_rig
from neurobatch.phantoms import draw_head
from worker.reconciler import Reconciler

_SCANS = 12
_SIDE_PX = 96
_OPEN_BATCHES = 2
_TRIES = 3
# A worker that lost its claim while it was busy ends its chunk and clears away what it made; a sweep is made after it.
_CLEARING_S = 20.0


@dataclass
class Row:
    """One line of the table; `notes` says what could not be done."""

    fault: str
    times: int = 0
    scans: int = 0
    lost: int = 0
    duplicated: int = 0
    orphaned: int = 0
    recovery_s_max: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether the promise was kept."""
        return not (self.lost or self.duplicated or self.orphaned or self.notes)


@dataclass(frozen=True)
class Stage:
    """One service to harm: on which database, with which network, how often."""

    database: str
    network: str
    times: int


Report = Callable[[Row, Stage], None]


def run(stages: Sequence[Stage], kinds: Sequence[Kind], *, report: Report) -> list[Row]:
    """Every kind on every stage; a row for each kind."""
    rows = {kind.name: Row(kind.name) for kind in kinds}
    with tempfile.TemporaryDirectory(prefix="nb-", dir="/tmp", ignore_cleanup_errors=True) as scratch:
        files = draw_files(Path(scratch) / "files")
        for number, stage in enumerate(stages):
            folder = Path(scratch) / str(number)
            Path(scratch).chmod(0o755)
            with running_rig(folder, database=stage.database, network=stage.network) as rig:
                _Trial(rig, stage, files, report).run(kinds, rows)
    return list(rows.values())


def draw_files(folder: Path) -> dict[str, list[Path]]:
    """Small scans, good ones and such as crash what decodes them."""
    folder.mkdir()
    found: dict[str, list[Path]] = {"good": [], POISON_NAME: []}
    for kind, count in (("good", _SCANS), (POISON_NAME, 4)):
        for seed in range(count):
            text = PngInfo()
            if kind == POISON_NAME:
                text.add_text("comment", POISON)
            path = folder / f"{kind}-{seed}.png"
            Image.fromarray(draw_head(seed, side_px=_SIDE_PX)).save(path, pnginfo=text)
            found[kind].append(path)
    return found


@dataclass
class _Trial:
    """All kinds on one running service."""

    rig: Rig
    stage: Stage
    files: dict[str, list[Path]]
    report: Report
    expected: dict[UUID, int] = field(default_factory=dict)
    struck: dict[UUID, float] = field(default_factory=dict)
    known: Verdict = field(default_factory=lambda: Verdict(0, 0, 0))

    def run(self, kinds: Sequence[Kind], rows: dict[str, Row]) -> None:
        for kind in kinds:
            row = rows[kind.name]
            for _ in range(math.ceil(self.stage.times / kind.times)):
                if not any(self._struck(kind, row) for _ in range(_TRIES)):
                    row.notes.append(f"{self.stage.database}, {self.stage.network}: it could not be made to strike")
                self.report(row, self.stage)
            self._judge(row)
            self.report(row, self.stage)

    def _struck(self, kind: Kind, row: Row) -> bool:
        """One round; False if nobody came by the point, as when the relay was quicker to publish than the API."""
        try:
            self._round(kind, row)
        except TimeoutError:
            for token in self.rig.tokens.glob("*@*"):
                token.unlink()
            return False
        return True

    def _round(self, kind: Kind, row: Row) -> None:
        files = self.files["good"] + self.files[POISON_NAME][: kind.poison]
        with kind.harm(self.rig):
            batch_id = self.rig.submit(files)
            self.expected[batch_id] = len(files)
            row.scans += len(files)
        self.struck[batch_id] = time.monotonic()
        row.times += kind.times
        self._settle(row, open_batches=_OPEN_BATCHES)

    def _settle(self, row: Row, *, open_batches: int) -> None:
        """Wait until no more than so many batches have scans without an end: the next harm meets them."""
        while self.struck:
            now = time.monotonic()
            late = {batch_id for batch_id, struck_at in self.struck.items() if now - struck_at > ENDED_WITHIN_S}
            for batch_id in self.rig.ended(list(self.struck)) | late:
                row.recovery_s_max = round(max(row.recovery_s_max, now - self.struck.pop(batch_id)), 1)
            if len(self.struck) <= open_batches:
                return
            time.sleep(0.05)

    def _judge(self, row: Row) -> None:
        """Once the workers are done, a sweep; then everything that is stored. What was wrong before is counted once."""
        self._settle(row, open_batches=0)
        reconciler = Reconciler(self.rig.settings, self.rig.engine)
        deadline = time.monotonic() + _CLEARING_S
        while True:
            time.sleep(1)
            reconciler.sweep()
            found = judge(self.rig.engine, self.rig.settings.data_dir, expected=self.expected)
            if found.orphaned == self.known.orphaned or time.monotonic() > deadline:
                break
        reconciler.close()
        row.lost += found.lost - self.known.lost
        row.duplicated += found.duplicated - self.known.duplicated
        row.orphaned += found.orphaned - self.known.orphaned
        self.known = found


def write_json(rows: Sequence[Row], path: Path) -> None:
    """The table as a list of objects."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = [{k: v for k, v in asdict(row).items() if k != "notes"} for row in rows]
    path.write_text(json.dumps(document, indent=2) + "\n")
