"""Finds files without a row and rows without their files.

Crashes leave files behind: an API that died while it took uploads, a worker that died between writing pictures
and recording them, a deletion that was cut off. Rows are read *after* folders were listed and locks were tried,
and a claim that is lost never comes back, so what no row names then is rubbish at any age. Only where the maker
may be at work on another machine (`shared.liveness`) age decides.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy import Engine

from shared.artifacts import claim_of, staging_lock
from shared.audit import were_submitted
from shared.db import sweeps
from shared.db.session import reading
from shared.liveness import Life, life_of_owner

_log = structlog.get_logger(__name__)
_AT_ONCE = 500


@dataclass(frozen=True)
class SweptFiles:
    """What one sweep did about files."""

    removed: int
    missing: int


@dataclass
class OrphanSweep:
    """Looks through the data directory; folders that have not changed since they were found clean are passed over."""

    engine: Engine
    data_dir: Path
    orphan_after_s: float
    _clean: dict[Path, int] = field(default_factory=dict)

    def run(self) -> SweptFiles:
        """Remove files without a row; count results that miss a picture."""
        removed, missing = self._folders_without_a_batch(), 0
        folders = _folders_of_batches(self.data_dir / "artifacts")
        self._clean = {folder: self._clean[folder] for folder in folders if folder in self._clean}
        for folder in folders:
            orphans, lacking = self._artifacts(folder)
            removed += orphans
            missing += lacking
        if removed:
            _log.warning("orphans_removed", count=removed)
        return SweptFiles(removed, missing)

    def _folders_without_a_batch(self) -> int:
        folders = [
            folder
            for kind in ("staging", "uploads", "artifacts")
            for folder in _folders_of_batches(self.data_dir / kind)
        ]
        locks = [lock for lock in (self.data_dir / "staging").glob("*.lock") if _names_a_batch(lock.stem)]
        abandoned = {UUID(lock.stem) for lock in locks if self._is_abandoned(lock)}
        finished = {_id_of(folder) for folder in folders if not staging_lock(self.data_dir, _id_of(folder)).exists()}
        ids = {_id_of(folder) for folder in folders}
        known = self._known(ids)
        # Not one folder that ever had a row: this is another service's database, and nothing is concluded from it.
        ours = bool(known) or self._were_known(ids)
        removable = (abandoned | finished if ours else abandoned) - known
        gone = [folder for folder in folders if _id_of(folder) in removable]
        for folder in gone:
            shutil.rmtree(folder, ignore_errors=True)
        for batch_id in abandoned:
            staging_lock(self.data_dir, batch_id).unlink(missing_ok=True)
        if left := len(ids & finished - known - removable):
            _log.error("data_dir_of_another_database", folders=left)
        return len(gone)

    def _is_abandoned(self, lock: Path) -> bool:
        """Whether the submission that holds `lock` has died; by its age alone where that cannot be known."""
        life, _ = life_of_owner(lock)
        return life is Life.DEAD or (life is Life.UNKNOWN and _age_s(lock) > self.orphan_after_s)

    def _known(self, batch_ids: set[UUID]) -> set[UUID]:
        ordered, known = sorted(batch_ids), set[UUID]()
        for start in range(0, len(ordered), _AT_ONCE):
            with reading(self.engine) as session:
                known |= sweeps.known_batches(session, ordered[start : start + _AT_ONCE])
        return known

    def _were_known(self, batch_ids: set[UUID]) -> bool:
        """Whether one of them was deleted here: then the data directory is this database's, though no batch is left."""
        ordered = sorted(batch_ids)
        for start in range(0, len(ordered), _AT_ONCE):
            with reading(self.engine) as session:
                if were_submitted(session, ordered[start : start + _AT_ONCE]):
                    return True
        return False

    def _artifacts(self, folder: Path) -> tuple[int, int]:
        """How many files of one batch were removed, and how many that its rows name are missing."""
        try:
            changed_at = folder.stat().st_mtime_ns
            names = {path.name for path in folder.iterdir()}
        except FileNotFoundError:
            return 0, 0  # deleted meanwhile
        if self._clean.get(folder) == changed_at:
            return 0, 0
        with reading(self.engine) as session:
            files = sweeps.batch_files(session, _id_of(folder))
        if files is None:
            return 0, 0
        orphans = {name for name in names - files.named if claim_of(name) not in files.in_work}
        for name in orphans:
            (folder / name).unlink(missing_ok=True)
        missing = len([name for name in files.named - names if not (folder / name).exists()])
        if missing:
            _log.error("artifacts_missing", batch_id=folder.name, count=missing)
        if not (orphans or missing or files.in_work):
            self._clean[folder] = changed_at
        return len(orphans), missing


def _folders_of_batches(root: Path) -> list[Path]:
    """What else lies there is not the service's, and is left alone."""
    return [path for path in root.glob("*-*-*-*-*") if _names_a_batch(path.name) and path.is_dir()]


def _names_a_batch(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False


def _id_of(folder: Path) -> UUID:
    """The batch that a folder is named by."""
    return UUID(folder.name)


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
