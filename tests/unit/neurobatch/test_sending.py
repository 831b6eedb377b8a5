from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from neurobatch.files import LazyFile, collect
from neurobatch.sending import Sent, form_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(bytes(100 * number))
    return tmp_path


def test_bytes_and_files_are_counted_on_their_way(folder: Path) -> None:
    told: list[Sent] = []
    for _, (_, file, _) in form_files(collect([folder]), told.append):
        while file.read(64):
            pass
    assert all(sent.total_bytes == 300 and sent.total_files == 3 for sent in told)
    assert [sent.sent_bytes for sent in told] == [0, 64, 100, 164, 228, 292, 300]
    assert [sent.sent_files for sent in told] == [1, 1, 2, 2, 2, 2, 3]


def test_at_most_one_file_is_open(folder: Path) -> None:
    files = form_files(collect([folder]), None)
    assert open_in(folder) == 0
    for _, (_, file, _) in files:
        while file.read(64):
            assert open_in(folder) == 1
    assert open_in(folder) == 0


def open_in(folder: Path) -> int:
    """How many files of the folder this process holds open."""
    links = (os.path.realpath(f"/proc/self/fd/{descriptor}") for descriptor in os.listdir("/proc/self/fd"))
    return sum(link.startswith(f"{folder}{os.sep}") for link in links)


def test_a_file_that_was_cut_off_is_closed(folder: Path) -> None:
    file = LazyFile(folder / "2.png")
    file.read(10)
    file.close()
    gc.collect()  # a file left open would warn here, and warnings are errors
    assert file._file is None


def test_a_name_that_is_no_utf_8_is_escaped(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(b"x")
    ((_, (name, _, _)),) = form_files(collect([tmp_path]), None)
    assert name == "\\udcff.png"
