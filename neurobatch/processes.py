"""Starts the service's parts as processes of their own and keeps them running.

Each part is started by the command that an operator would type. Whatever dies is started again; if this
process dies, even by SIGKILL, the kernel tells the parts to stop (PR_SET_PDEATHSIG on Linux).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from shared.liveness import die_with_parent

_log = structlog.get_logger(__name__)
_QUICK_DEATH_S = 5.0
_PAUSES_S = (0.0, 0.4, 0.8, 1.6, 3.2, 5.0)  # after so many deaths in a row, the last one from then on
_STOP_GRACE_S = 20.0


def tool(name: str) -> str:
    """A command of this Python environment, whether or not it is on the PATH."""
    return str(Path(sys.executable).parent / name)


@dataclass
class Part:
    """One process of the service and its restarts."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    deaths: int = 0
    restart_at: float | None = None


@dataclass
class ProcessGroup:
    """The parts of one service, started in order and stopped in the reverse order."""

    folder: Path
    environment: Mapping[str, str]
    logs: Path
    parts: list[Part] = field(default_factory=list)

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a part whose output goes to `logs/NAME.log`."""
        part = Part(name, command)
        self.parts.append(part)
        self._launch(part)

    def _launch(self, part: Part) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        with open(self.logs / f"{part.name}.log", "ab") as log:
            part.process = subprocess.Popen(
                part.command,
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in a terminal reaches its whole process group; the parts are stopped in order instead.
                start_new_session=True,
                preexec_fn=partial(die_with_parent, signal.SIGTERM, parent=os.getpid()),
            )
        part.started_at = time.monotonic()
        part.restart_at = None

    def tend(self) -> None:
        """Look after every part once: note deaths and restart what is due."""
        for part in self.parts:
            assert part.process is not None
            now = time.monotonic()
            if part.restart_at is not None:
                if now >= part.restart_at:
                    self._launch_again(part)
            elif (status := part.process.poll()) is not None:
                quick = now - part.started_at < _QUICK_DEATH_S
                # A part that was killed is not to blame: it is started again at once, however often.
                part.deaths = part.deaths + 1 if quick and status != -signal.SIGKILL else 0
                pause = _PAUSES_S[min(part.deaths, len(_PAUSES_S) - 1)]
                part.restart_at = now + pause
                _log.warning("part_died", part=part.name, status=status, restart_in_s=pause)

    def _launch_again(self, part: Part) -> None:
        try:
            self._launch(part)
        except OSError as error:  # no memory for a process or no room for its log: the others go on
            part.restart_at = time.monotonic() + _PAUSES_S[-1]
            _log.warning("part_not_started", part=part.name, error=str(error), restart_in_s=_PAUSES_S[-1])

    def is_failing(self, name: str) -> bool:
        """Whether a part died again and again right after its start."""
        return any(part.name == name and part.deaths >= 3 for part in self.parts)

    def stop(self) -> None:
        """Stop every part, the last started first; SIGKILL for one that does not go in time."""
        for part in reversed(self.parts):
            process = part.process
            if process is None or process.poll() is not None:
                continue
            process.terminate()
            try:
                process.wait(_STOP_GRACE_S)
            except subprocess.TimeoutExpired:
                _log.warning("part_killed", part=part.name)
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.parts.clear()
