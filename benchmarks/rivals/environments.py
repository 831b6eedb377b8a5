"""Makes the environment that a rival runs in: from its pinned requirements, once, and again when these change."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements"
_MARK = ".made-from"  # written last: what has it is complete
_TOLD_CHARS = 600


@dataclass(frozen=True)
class Environment:
    """Its Python; the seconds that it took to make it, or to find it made in a run before."""

    python: Path
    seconds: float
    made: bool


class CannotInstall(Exception):
    """A rival's environment could not be made on this machine; the message says whose and why."""


def environment(name: str, root: Path, *, tell: Callable[[str], None], lists: Path = REQUIREMENTS) -> Environment:
    """The environment `root`/`name`, which is made if it is not there yet (about a minute).

    `lists` has its requirements as NAME.txt. Raises CannotInstall.
    """
    requirements = lists / f"{name}.txt"
    folder = root / name
    started = time.monotonic()
    made = not made_from(folder, requirements)
    if made:
        tell(f"{name}: making its environment in {folder} ...")
        _make(name, folder, requirements)
        tell(f"{name}: environment made in {time.monotonic() - started:.0f} s")
    return Environment(folder / "bin" / "python", time.monotonic() - started, made)


def made_from(folder: Path, requirements: Path) -> bool:
    """Whether the environment in `folder` is complete and was made from just these requirements by this Python."""
    mark = folder / _MARK
    return mark.exists() and mark.read_text() == _key(requirements)


def _make(name: str, folder: Path, requirements: Path) -> None:
    # The list is complete; to resolve it anew takes pip a minute, and finds newer releases.
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps", "-r", str(requirements)]
    try:
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = str(getattr(error, "stderr", None) or error).strip()
        raise CannotInstall(f"{name} cannot be installed here: {said[-_TOLD_CHARS:]}") from error
    (folder / _MARK).write_text(_key(requirements))


def _key(requirements: Path) -> str:
    return f"{sys.version_info[:3]} {hashlib.sha256(requirements.read_bytes()).hexdigest()}"
