"""Decodes pictures in a process of its own, which a hostile file may crash, fill or keep busy without further harm.

Image libraries are C code fed by strangers: a file of 700 KB can keep libjpeg busy for minutes and one of 60 MB fill
gigabytes with its tags, and what crashes them takes its process along (ADR 0012 has the figures). So the worker and the
API hand each file to one small long-lived child that holds neither TensorFlow nor connections: it gets an open file,
never a path, has a bound on memory and, for each file, on processor time, and lays the pixels into memory that both
share. It ends when its parent does.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from shared.errors import InvalidScan

if TYPE_CHECKING:
    from shared.settings import Settings  # the child reads this module too and needs no pydantic

_ROOT = Path(__file__).resolve().parent.parent
# Pictures that the child may be ahead of us: each wait for it costs a turn of a busy machine's scheduler.
AHEAD = 4
REQUEST_BYTES, ANSWER_BYTES = 256, 2048
_TRIES = 3
# What damaged bytes do to C code. Any other signal came from outside and says nothing about the file.
_CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL}
# The limit is on processor time, since a busy machine is not the file's fault; this is for a child that hangs idle.
_HUNG_AFTER_S = 60.0
# All else in the environment, passwords among it, is none of the child's business.
_PASSED_ON = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "TMPDIR")
_CHILD_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    # glibc: keep the memory of one picture for the next. Faulting its pages in anew took as long as decoding it.
    "MALLOC_MMAP_THRESHOLD_": str(4 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024 * 1024),
}

Picture = npt.NDArray[np.uint8]


class _Died(Exception):
    """The child ended before it had answered; `signal_number` is what ended it, 0 if none did."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the decoding process ended with status {status}")
        self.signal_number = max(0, -status)


class Decoder:
    """`shared.images.read_image` under the limits of the settings; threads that share it take turns.

    The child is started at the first picture, and anew when it has died.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._child: _Child | None = None

    def __enter__(self) -> Decoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._drop_child()

    def read(self, source: bytes | Path, *, frame: int = 0) -> Picture:
        """One picture, as `read_all` gives it; raises what that would give instead."""
        (outcome,) = self.read_all([(source, frame)])
        if isinstance(outcome, InvalidScan):
            raise outcome
        return outcome

    def read_all(self, sources: Sequence[tuple[bytes | Path, int]]) -> list[Picture | InvalidScan]:
        """Of each file and frame the picture as uint8 grey (height, width), or why there is none.

        InvalidScan is as `read_image` raises it, or `decode_limit` or `decoder_crashed` for a file that cost the child
        its life. Raises OSError where a source cannot be opened, RuntimeError if the child keeps dying of other causes.
        """
        outcomes: list[Picture | InvalidScan] = []
        for start in range(0, len(sources), AHEAD):
            with self._lock, _all_opened(sources[start : start + AHEAD]) as files:
                outcomes += self._read_together(files)
        return outcomes

    def _read_together(self, files: Sequence[tuple[IO[bytes], int]]) -> list[Picture | InvalidScan]:
        outcomes: list[Picture | InvalidScan] = []
        deaths = 0
        while len(outcomes) < len(files):
            known = len(outcomes)
            try:
                self._ask(files[known:], outcomes)
            except _Died as death:
                # The child works in order, so it died of the first file that has no outcome.
                deaths = deaths + 1 if len(outcomes) == known else 1
                verdict = self._verdict(death, deaths=deaths)
                if verdict is not None:
                    outcomes.append(verdict)
                    deaths = 0
        return outcomes

    def _ask(self, files: Sequence[tuple[IO[bytes], int]], outcomes: list[Picture | InvalidScan]) -> None:
        try:
            if self._child is None:
                self._child = _Child(self._settings)
            for slot, (file, frame) in enumerate(files):
                self._child.send(file, frame=frame, slot=slot)
            for slot in range(len(files)):
                outcomes.append(self._child.receive(slot=slot))
        # Also when a signal's handler interrupts the wait: the answers still to come must not meet the next files.
        except BaseException:
            self._drop_child()
            raise

    def _verdict(self, death: _Died, *, deaths: int) -> InvalidScan | None:
        """What a death says of its file; None if it deserves another try."""
        if death.signal_number == signal.SIGXCPU:
            limit = self._settings.max_decode_s
            return InvalidScan(f"decoding it took more than max_decode_s = {limit} s", code="decode_limit")
        if deaths < _TRIES:
            return None
        if death.signal_number in _CRASHES:
            name = signal.Signals(death.signal_number).name
            return InvalidScan(f"the file crashes the decoder ({name})", code="decoder_crashed")
        raise RuntimeError("the decoding process keeps dying") from death

    def _drop_child(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child = None


class _Child:
    """The process, the channel to it, and the memory with a slot for each picture that it may be ahead."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._channel, theirs = socket.socketpair()
        with theirs, _memory_file() as shared:
            shared.truncate(AHEAD * settings.max_pixels)
            self._pixels = mmap.mmap(shared.fileno(), AHEAD * settings.max_pixels)
            descriptors = (theirs.fileno(), shared.fileno())
            self._process = subprocess.Popen(
                [sys.executable, "-m", "shared.decoding", *map(str, descriptors), str(settings.max_decode_bytes)],
                cwd=_ROOT,
                env={**_CHILD_ENVIRONMENT, **{n: os.environ[n] for n in _PASSED_ON if n in os.environ}},
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # Ctrl-C is for the parent, whose end is this one's too.
                start_new_session=True,
            )
        self._channel.settimeout(_HUNG_AFTER_S)

    def send(self, file: IO[bytes], *, frame: int, slot: int) -> None:
        """Hand a file over."""
        request = {
            "frame": frame,
            "slot": slot,
            "max_pixels": self._settings.max_pixels,
            "max_aspect_ratio": self._settings.max_aspect_ratio,
            "max_decode_s": self._settings.max_decode_s,
        }
        try:
            socket.send_fds(self._channel, [json.dumps(request).encode().ljust(REQUEST_BYTES)], [file.fileno()])
        except (ConnectionError, TimeoutError) as error:
            raise _Died(self.kill()) from error

    def receive(self, *, slot: int) -> Picture | InvalidScan:
        """Wait for the answer to the oldest open request."""
        try:
            answer = self._channel.recv(ANSWER_BYTES, socket.MSG_WAITALL)
        except (ConnectionError, TimeoutError) as error:
            raise _Died(self.kill()) from error
        if len(answer) < ANSWER_BYTES:
            raise _Died(self.kill())
        found = json.loads(answer)
        if "code" in found:
            return InvalidScan(found["message"], code=found["code"])
        return picture_in(
            self._pixels, slot=slot, max_pixels=self._settings.max_pixels, shape=(found["height"], found["width"])
        ).copy()

    def kill(self) -> int:
        """End the process if it has not ended; its return code."""
        self._channel.close()
        self._pixels.close()
        try:
            # A process that closed the channel is about to end, and how it ends is worth knowing.
            return self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def picture_in(pixels: mmap.mmap, *, slot: int, max_pixels: int, shape: tuple[int, int]) -> Picture:
    """A view of the shared memory as the picture (height, width) of a slot."""
    height, width = shape
    if height * width > max_pixels:
        raise ValueError(f"{shape} does not fit into a slot")
    return np.frombuffer(pixels, np.uint8, count=height * width, offset=slot * max_pixels).reshape(height, width)


@contextmanager
def _all_opened(sources: Sequence[tuple[bytes | Path, int]]) -> Iterator[list[tuple[IO[bytes], int]]]:
    with ExitStack() as opened:
        yield [(opened.enter_context(_opened(source)), frame) for source, frame in sources]


def _opened(source: bytes | Path) -> IO[bytes]:
    if isinstance(source, Path):
        return open(source, "rb")
    file = _memory_file()
    file.write(source)
    file.flush()
    return file


def _memory_file() -> IO[bytes]:
    """A file without a name, in memory where the system has such."""
    if sys.platform == "linux":
        return open(os.memfd_create("neurobatch"), "w+b")
    return tempfile.TemporaryFile()
