"""Commands as somebody types them to get the same figures again."""

from __future__ import annotations

import shlex
from pathlib import Path


def evaluate_command(*words: str) -> str:
    """The words behind `neurobatch evaluate`, quoted where a shell needs it."""
    return shlex.join(["neurobatch", "evaluate", *words])


def shown_path(path: Path) -> str:
    """As given; below the current folder, from there."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
