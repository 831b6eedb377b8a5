"""Remembers a submission until its command has done its work, so that running an interrupted command again goes on
where it stopped and makes no second batch.

One small file for each pending submission: its Idempotency-Key and, once it was accepted, its batch. It is found by
what is submitted where: the service's address, name, metadata, and name, size and time of change of every file.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from neurobatch.files import Member

# The service knows a key for 24 h; what is older must not be taken up again.
_KEPT_FOR_S = 23 * 3600.0


@dataclass
class PendingSubmission:
    """A submission that is under way; make one with `take_up`."""

    file: Path
    key: str
    batch_id: str | None = None

    def accepted(self, batch_id: str) -> None:
        """Note the batch that came of it."""
        self.batch_id = batch_id
        self._save()

    def begin_anew(self) -> None:
        """Let the same submission become another batch."""
        self.key, self.batch_id = str(uuid.uuid4()), None
        self._save()

    def done(self) -> None:
        """Forget it: the same submission is then a new batch."""
        self.file.unlink(missing_ok=True)

    def _save(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.file.with_suffix(".part")
        unfinished.write_text(json.dumps({name: asdict(self)[name] for name in ("key", "batch_id")}))
        unfinished.replace(self.file)


def take_up(folder: Path, content: str) -> PendingSubmission:
    """The pending submission of this content, a new one where there is none. OSError if `folder` is not writable."""
    file = folder / f"{content}.json"
    known = _read(file)
    pending = PendingSubmission(file, known.get("key") or str(uuid.uuid4()), known.get("batch_id"))
    if not known:
        pending._save()
    return pending


def pending_folder() -> Path:
    """Where pending submissions are kept (XDG_STATE_HOME, by default ~/.local/state)."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "neurobatch" / "pending"


def content_of(url: str, members: Sequence[Member], *, name: str | None, metadata: Mapping[str, Any] | None) -> str:
    """A digest of what is submitted where; files count by name, size and time of change."""
    digest = hashlib.sha256(json.dumps([url, name, metadata], sort_keys=True).encode())
    for member in members:
        stat = member.path.stat()
        digest.update(json.dumps([member.name, stat.st_size, stat.st_mtime_ns]).encode())
    return digest.hexdigest()


def _read(file: Path) -> dict[str, Any]:
    """What is known; nothing where there is no file, or an old or a broken one."""
    try:
        if time.time() - file.stat().st_mtime > _KEPT_FOR_S:
            return {}
        known = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
