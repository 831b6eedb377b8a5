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
from collections.abc import Generator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from shared.allocation import KEEP_FREED_MEMORY
from shared.errors import InvalidScan
from shared.opened import Opened

if TYPE_CHECKING:
    from shared.settings import Settings  # the child reads this module too and needs no pydantic

_ROOT = Path(__file__).resolve().parent.parent
# Pictures that the child may be ahead of us; it gets half as many at a time: waking it costs a turn of the scheduler.
AHEAD = 8
REQUEST_BYTES, ANSWER_BYTES = 256, 2048
_TRIES = 3
# What damaged bytes do to C code. Any other signal came from outside and says nothing about the file.
_CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL}
# The limit is on processor time, since a busy machine is not the file's fault; this is for a child that hangs idle.
_HUNG_AFTER_S = 60.0
# All else in the environment, passwords among it, is none of the child's business.
_PASSED_ON = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "TMPDIR")
_CHILD_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", **KEEP_FREED_MEMORY}

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
        """One picture; raises what `read_each` would give instead."""
        (opened,) = self.read_each([(source, frame)])
        if isinstance(opened.image, Exception):
            raise opened.image
        return opened.image

    def read_each(self, sources: Sequence[tuple[bytes | Path, int]]) -> Generator[Opened]:
        """Of each file and frame the picture as uint8 grey (height, width), in order, those after it being decoded.

        In its place InvalidScan as `read_image` raises it, or `decode_limit` or `decoder_crashed` for a file that cost
        the child its life; OSError where it cannot be opened, RuntimeError if the child keeps dying of other causes.
        """
        going = _Going(sources)
        with self._lock:
            try:
                while not going.ended:
                    opened = self._next(going)
                    if opened is not None:
                        going.has_answer()
                        yield opened
            finally:
                # Interrupted anywhere, or closed: the answers still to come must not meet the next files.
                if not going.ended:
                    self._drop_child()

    def _next(self, going: _Going) -> Opened | None:
        """The next answer; None if the child died and is to try that file again."""
        try:
            if self._child is None:
                self._child = _Child(self._settings)
            return going.next_from(self._child)
        except _Died as death:
            self._drop_child()
            going.died()
            verdict = self._verdict(death, deaths=going.deaths)
            return None if verdict is None else Opened(verdict, 0.0)

    def _verdict(self, death: _Died, *, deaths: int) -> Exception | None:
        """What a death says of its file; None if it deserves another try."""
        if death.signal_number == signal.SIGXCPU:
            limit = self._settings.max_decode_s
            return InvalidScan(f"decoding it took more than max_decode_s = {limit} s", code="decode_limit")
        if deaths < _TRIES:
            return None
        if death.signal_number in _CRASHES:
            name = signal.Signals(death.signal_number).name
            return InvalidScan(f"the file crashes the decoder ({name})", code="decoder_crashed")
        return RuntimeError("the decoding process keeps dying")

    def _drop_child(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child = None


class _Going:
    """How far a child has come with some files; it works in order, so it dies of the first that has no answer."""

    def __init__(self, sources: Sequence[tuple[bytes | Path, int]]) -> None:
        self._sources = sources
        self._handed_over = 0
        self._not_opened: dict[int, OSError] = {}
        self.answered = 0
        self.deaths = 0

    def has_answer(self) -> None:
        """The next file is done with, be it by a verdict."""
        self.answered += 1
        self.deaths = 0
        self._handed_over = max(self._handed_over, self.answered)

    @property
    def ended(self) -> bool:
        """Whether every file has its answer."""
        return self.answered == len(self._sources)

    @property
    def awaited(self) -> int:
        """How many files a child has, or may have, answered unheard."""
        return self._handed_over - self.answered

    def died(self) -> None:
        """What the child had is to be handed over again."""
        self.deaths += 1
        self._handed_over = self.answered
        self._not_opened.clear()

    def next_from(self, child: _Child) -> Opened:
        """The next answer, more files being handed over first where the child will soon have none."""
        if self.awaited <= AHEAD // 2:
            self._hand_over(child)
        if self.answered in self._not_opened:
            return Opened(self._not_opened[self.answered], 0.0)
        return child.receive(slot=self.answered % AHEAD)

    def _hand_over(self, child: _Child) -> None:
        while self._handed_over < min(len(self._sources), self.answered + AHEAD):
            source, frame = self._sources[self._handed_over]
            try:
                file = _opened(source)
            except OSError as error:
                self._not_opened[self._handed_over] = error
            else:
                with file:
                    if not child.send(file, frame=frame, slot=self._handed_over % AHEAD):
                        return
            self._handed_over += 1


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

    def send(self, file: IO[bytes], *, frame: int, slot: int) -> bool:
        """Hand a file over; False if the child is gone, of which `receive` will tell after its last answer."""
        request = {
            "frame": frame,
            "slot": slot,
            "max_pixels": self._settings.max_pixels,
            "min_side_px": self._settings.min_side_px,
            "max_aspect_ratio": self._settings.max_aspect_ratio,
            "max_decode_s": self._settings.max_decode_s,
        }
        try:
            socket.send_fds(self._channel, [json.dumps(request).encode().ljust(REQUEST_BYTES)], [file.fileno()])
        except (ConnectionError, TimeoutError):
            return False
        return True

    def receive(self, *, slot: int) -> Opened:
        """Wait for the answer to the oldest open request."""
        try:
            answer = self._channel.recv(ANSWER_BYTES, socket.MSG_WAITALL)
        except (ConnectionError, TimeoutError) as error:
            raise _Died(self.kill()) from error
        if len(answer) < ANSWER_BYTES:
            raise _Died(self.kill())
        found = json.loads(answer)
        if "code" in found:
            return Opened(InvalidScan(found["message"], code=found["code"]), found["ms"])
        shape = found["height"], found["width"]
        picture = picture_in(self._pixels, slot=slot, max_pixels=self._settings.max_pixels, shape=shape)
        return Opened(picture.copy(), found["ms"])

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
