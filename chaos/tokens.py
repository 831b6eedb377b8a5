"""How the harness and the processes under test agree on where to strike.

A token is an empty file named after a point in the code. A process that reaches the point takes the token by
removing it, which one alone can do, and is harmed there; a flag is a file that stays until the harness removes it.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

VARIABLE = "NEUROBATCH_CHAOS_DIR"


def folder() -> Path:
    """Where tokens lie, for this process."""
    return Path(os.environ[VARIABLE])


def take(point: str) -> bool:
    """Whether there is a token for `point`; it is gone then."""
    try:
        next(folder().glob(f"{point}@*")).unlink()
    except (StopIteration, FileNotFoundError):
        return False
    return True


def die_at(point: str) -> None:
    """Die as by SIGKILL if there is a token."""
    if take(point):
        os.kill(os.getpid(), signal.SIGKILL)


def flag(name: str) -> str | None:
    """The text of a flag; None where it is not set."""
    try:
        return (folder() / name).read_text()
    except FileNotFoundError:
        return None
