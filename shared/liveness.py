"""What the kernel knows about the life and death of processes.

A process holds a lock on a file for as long as it lives; the kernel drops the lock at its death, however it
died. Whoever can take the lock knows. The answer holds on one machine only (locks of network file systems are
not to be trusted), so each file says on which it was made and elsewhere nothing is concluded from it.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import sys
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

# Below the data directory: one lock file for each worker process.
WORKERS_FOLDER = "workers"
_PR_SET_PDEATHSIG = 1
# Loaded before any fork: loading a library between fork and exec is not safe.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Held:
    """A lock file of this process; it holds until it is let go, or until the process ends."""

    path: Path
    descriptor: int

    def release(self) -> None:
        """Remove the file and let go of it."""
        self.path.unlink(missing_ok=True)
        self.abandon()

    def abandon(self) -> None:
        """Let go of it but leave the file, as if this process had died."""
        os.close(self.descriptor)


def hold(path: Path, *, owner: str) -> Held:
    """Make a lock file that says who holds it; it appears at `path` with its lock already taken."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}")
    descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        # A POSIX lock, not flock: a child that is forked off must not keep it alive.
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(descriptor, f"{machine()}\n{owner}".encode())
        os.rename(unfinished, path)
    except OSError:
        os.close(descriptor)
        unfinished.unlink(missing_ok=True)
        raise
    return Held(path, descriptor)


class Life(Enum):
    """What is known of the process that holds a lock file."""

    DEAD = "dead"
    ALIVE = "alive"
    UNKNOWN = "unknown"  # made on another machine, gone, or not to be opened by this user


def owner_if_dead(path: Path) -> str | None:
    """The owner of a lock file whose process has died; None where it lives, or cannot be asked from here."""
    life, owner = life_of_owner(path)
    return owner if life is Life.DEAD else None


def life_of_owner(path: Path) -> tuple[Life, str]:
    """Whether the process that made a lock file lives, and the owner that it named."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except (FileNotFoundError, PermissionError, IsADirectoryError):  # gone, or another user's
        return Life.UNKNOWN, ""
    try:
        made_on, _, owner = os.read(descriptor, 1024).decode(errors="replace").partition("\n")
        return (_life(descriptor) if made_on == machine() else Life.UNKNOWN), owner
    except OSError:
        return Life.UNKNOWN, ""
    finally:
        os.close(descriptor)


def _life(descriptor: int) -> Life:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # EAGAIN or EACCES: somebody holds it
        return Life.ALIVE
    return Life.DEAD


@cache
def machine() -> str:
    """This machine since it was started: what runs under one kernel, in containers too, has one answer."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()


def die_with_parent(number: signal.Signals, *, parent: int) -> None:
    """Have the kernel send this process a signal when its parent dies; at once if it is dead already. Linux alone."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            os.kill(os.getpid(), number)
