from __future__ import annotations

import io
from pathlib import Path

import pytest

from neurobatch.files import LazyFile, collect


def test_folders_give_all_their_files_sorted_and_hidden_ones_not(tmp_path: Path) -> None:
    for name in ("b.png", "a.png", "sub/c.txt", ".hidden", ".git/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert [member.name for member in collect([tmp_path, tmp_path / "b.png"])] == [
        "a.png",
        "b.png",
        "sub/c.txt",
        "b.png",
    ]


def test_a_missing_path_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        collect([tmp_path / "nothing"])


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "lost.png").symlink_to(tmp_path / "gone")
    with pytest.raises(FileNotFoundError, match=r"lost\.png is a link"):
        collect([tmp_path])


def test_a_lazy_file_reads_like_a_file_and_holds_nothing_open_at_its_ends(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(bytes(range(200)))
    file = LazyFile(tmp_path / "f")
    assert file._file is None
    assert file.seek(0, io.SEEK_END) == 200
    file.seek(0)
    assert b"".join(iter(lambda: file.read(64), b"")) == bytes(range(200))
    assert file._file is None
