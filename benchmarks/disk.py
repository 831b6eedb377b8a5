"""How much of the disk the service's files take."""

from __future__ import annotations

import os
from pathlib import Path

FOLDERS = ("uploads", "artifacts")


def disk_bytes(data_dir: Path) -> dict[str, int]:
    """Of uploads and of artifacts the blocks that their files take, folders included."""
    os.sync()  # blocks are given when the file is brought to the disk
    return {name: sum(path.lstat().st_blocks * 512 for path in (data_dir / name).rglob("*")) for name in FOLDERS}
