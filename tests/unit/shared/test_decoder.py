"""A file may crash, fill or keep busy the process that decodes it, and harms no other file."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from shared.decoder import Decoder
from shared.errors import InvalidScan
from shared.images import read_image
from shared.settings import Settings
from tests.fuzz import bombs
from tests.unit.inference.phantoms import draw_head, encode

GOOD = [encode(draw_head(64 + at, 80)) for at in range(6)]
_GIVE_UP_AFTER_S = 60
_LONGER_THAN_GOOD_FILES_S = 0.15
needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc on this system")


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    with Decoder(Settings(max_decode_s=1, max_decode_bytes=64 * bombs.MIB)) as decoder:
        yield decoder


def codes(decoder: Decoder, *sources: bytes | Path) -> list[str | None]:
    outcomes = decoder.read_each([(source, 0) for source in sources])
    return [outcome.image.code if isinstance(outcome.image, InvalidScan) else None for outcome in outcomes]


def child_pid(decoder: Decoder) -> int:
    assert decoder._child is not None
    return decoder._child._process.pid


def test_pictures_are_those_of_read_image(decoder: Decoder, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(GOOD[0])
    sources: list[tuple[bytes | Path, int]] = [(path, 0), *((data, 0) for data in GOOD[1:])]
    for read, data in zip(decoder.read_each(sources), GOOD, strict=True):
        assert isinstance(read.image, np.ndarray)
        assert np.array_equal(read.image, read_image(data, max_pixels=10**6))
        assert read.read_ms > 0


def test_bad_files_have_the_codes_of_read_image(decoder: Decoder) -> None:
    claims = bombs.png_claims_a_billion_pixels(large=False)
    sources = (b"", b"text", GOOD[0], claims, bombs.png(600, 40), GOOD[1][:60])
    expected = ["empty_file", "not_an_image", None, "image_too_large", "image_too_narrow", "truncated_image"]
    assert codes(decoder, *sources) == expected


def test_a_file_that_is_not_there_is_no_bad_file(decoder: Decoder, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        decoder.read(tmp_path / "gone")
    assert decoder.read(GOOD[0]).shape == (80, 64)


def test_files_that_are_not_there_harm_no_neighbour(decoder: Decoder, tmp_path: Path) -> None:
    gone = (tmp_path / "gone", 0)
    found = list(decoder.read_each([gone, (GOOD[0], 0), gone, *((data, 0) for data in GOOD * 3), gone]))
    assert [isinstance(opened.image, FileNotFoundError) for opened in found] == [True, False, True, *[False] * 18, True]
    assert [opened.image.shape[1] for opened in found if isinstance(opened.image, np.ndarray)][1:7] == [*range(64, 70)]


def test_answers_that_nobody_took_do_not_meet_the_next_files(decoder: Decoder) -> None:
    with closing(decoder.read_each([(data, 0) for data in GOOD])) as given_up:
        next(given_up)
    assert [decoder.read(data).shape[1] for data in GOOD] == [*range(64, 70)]


@pytest.mark.parametrize("bomb", ["jpeg_many_scans", "png_many_chunks", "bmp_large_runs"])
def test_a_file_that_takes_too_long_is_rejected_alone(decoder: Decoder, bomb: str) -> None:
    large = bombs.BOMBS[bomb](large=True)
    assert codes(decoder, GOOD[0], large, GOOD[1]) == [None, "decode_limit", None]


@pytest.mark.parametrize("bomb", ["tiff_many_bits", "tiff_huge_tile", "tiff_float"])
def test_a_file_that_takes_too_much_memory_is_rejected_alone(decoder: Decoder, bomb: str) -> None:
    assert codes(decoder, GOOD[0], GOOD[1]) == [None, None]
    before = child_pid(decoder)
    large = bombs.BOMBS[bomb](large=True)
    assert codes(decoder, GOOD[0], large, GOOD[1]) == [None, "decode_limit", None]
    assert child_pid(decoder) == before


@pytest.mark.parametrize("bomb", sorted(bombs.BOMBS))
def test_no_small_bomb_harms_its_neighbours(decoder: Decoder, bomb: str) -> None:
    first, _, last = codes(decoder, GOOD[0], bombs.BOMBS[bomb](large=False), GOOD[1])
    assert (first, last) == (None, None)


@needs_proc
def test_a_file_that_crashes_the_process_is_rejected_alone(decoder: Decoder) -> None:
    """The crash is played: whoever works on the slow file gets the signal of one."""
    slow = bombs.jpeg_many_scans(large=True)
    with Killing(decoder, signal.SIGSEGV):
        found = codes(decoder, GOOD[0], slow, *GOOD[1:])
    assert found == [None, "decoder_crashed", *[None] * 5]


def test_a_process_that_is_killed_from_outside_costs_no_file(decoder: Decoder) -> None:
    decoder.read(GOOD[0])
    os.kill(child_pid(decoder), signal.SIGKILL)
    assert codes(decoder, *GOOD) == [None] * len(GOOD)


@needs_proc
def test_a_process_that_is_killed_again_and_again_is_nobodys_fault(decoder: Decoder) -> None:
    with Killing(decoder, signal.SIGKILL), pytest.raises(RuntimeError, match="keeps dying"):
        decoder.read(bombs.jpeg_many_scans(large=True))


def test_a_wait_can_be_interrupted(decoder: Decoder) -> None:
    """As by the soft limit of a task, whose signal's handler raises."""

    def interrupt(*_: object) -> None:
        raise InterruptedError

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(InterruptedError):
            list(decoder.read_each([(bombs.jpeg_many_scans(large=True), 0), (GOOD[0], 0)]))
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert decoder.read(GOOD[1]).shape == (80, 65)


def test_the_process_ends_with_its_channel(decoder: Decoder) -> None:
    decoder.read(GOOD[0])
    assert decoder._child is not None
    decoder._child._channel.close()  # as when the parent is killed
    assert decoder._child._process.wait(_GIVE_UP_AFTER_S) == 0


@needs_proc
def test_the_process_knows_no_secrets(decoder: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUROBATCH_DATABASE_URL", "postgresql://user:secret@host/db")
    decoder.read(GOOD[0])
    assert b"secret" not in Path(f"/proc/{child_pid(decoder)}/environ").read_bytes()


class Killing:
    """While the block runs, a decoding process that works on a file for longer than a good one takes gets a signal."""

    def __init__(self, decoder: Decoder, signal_number: signal.Signals) -> None:
        self._decoder, self._signal = decoder, signal_number
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        used_at_first: dict[int, float] = {}
        while not self._over.wait(0.02):
            child = self._decoder._child
            if child is None or not _has_a_file(child._process.pid):
                continue
            pid = child._process.pid
            if _used_s(pid) - used_at_first.setdefault(pid, _used_s(pid)) > _LONGER_THAN_GOOD_FILES_S:
                child._process.send_signal(self._signal)


def _has_a_file(pid: int) -> bool:
    try:
        targets = [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return False
    return any("memfd" in target for target in targets)


def _used_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
