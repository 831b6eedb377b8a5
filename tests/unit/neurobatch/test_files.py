from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from neurobatch.files import LazyFile, check_readable, collect


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def names(*paths: Path | str) -> list[str]:
    return [member.name for member in collect(paths)]


def test_folders_give_all_their_files_sorted_and_hidden_ones_not(tmp_path: Path) -> None:
    write(tmp_path, "b.png", "a.png", "sub/c.txt", ".hidden", ".git/x")
    assert names(tmp_path) == ["a.png", "b.png", "sub/c.txt"]


def test_a_file_that_is_given_twice_counts_once(tmp_path: Path) -> None:
    write(tmp_path, "data/x/a.png", "data/b.png", "other/x/a.png")
    data, other = tmp_path / "data", tmp_path / "other"
    assert names(data, data / "b.png", data / "x") == ["b.png", "x/a.png"]
    assert names(data, data / "x", other) == ["data/b.png", "data/x/a.png", "other/x/a.png"]


def test_one_path_alone_is_one_path(tmp_path: Path) -> None:
    write(tmp_path, "a.png")
    assert [member.name for member in collect(str(tmp_path))] == ["a.png"]
    assert [member.name for member in collect(tmp_path / "a.png")] == ["a.png"]


def test_files_of_several_folders_keep_their_names_where_these_tell_them_apart(tmp_path: Path) -> None:
    write(tmp_path, "one/a.png", "two/deep/b.png")
    assert names(tmp_path / "one", tmp_path / "two") == ["a.png", "deep/b.png"]


def test_files_of_one_name_are_named_from_the_folder_that_holds_them_all(tmp_path: Path) -> None:
    write(tmp_path, "data/sub-01/T1.nii", "data/sub-02/T1.nii", "data/sub-02/other/x.png")
    folders = [tmp_path / "data" / name for name in ("sub-01", "sub-02")]
    assert names(*folders) == ["sub-01/T1.nii", "sub-02/T1.nii", "sub-02/other/x.png"]
    assert names(*(folder / "T1.nii" for folder in folders)) == ["sub-01/T1.nii", "sub-02/T1.nii"]


def test_links_to_folders_are_followed_and_circles_are_not(tmp_path: Path) -> None:
    write(tmp_path, "elsewhere/a.png", "here/b.png")
    (tmp_path / "here" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "here")
    (tmp_path / "here" / "self").symlink_to(".")
    assert names(tmp_path / "here") == ["b.png", "linked/a.png"]


def test_a_missing_path_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        collect([tmp_path / "nothing"])


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "lost.png").symlink_to(tmp_path / "gone")
    with pytest.raises(FileNotFoundError, match=r"lost\.png is a link"):
        collect([tmp_path])


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe is no file"):
        check_readable(collect([tmp_path]))


def test_a_folder_and_a_file_that_may_not_be_read_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "open/a.png", "closed/b.png")
    forbid(monkeypatch, tmp_path / "closed")
    with pytest.raises(PermissionError, match="closed"):
        collect([tmp_path])
    members = collect([tmp_path / "open"])
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError, match=r"a\.png may not be read"):
        check_readable(members)


def forbid(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """As the system does to all but root, who runs tests in a container."""
    iterdir = Path.iterdir

    def refuse(path: Path) -> object:
        if path == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", refuse)


def test_a_lazy_file_reads_like_a_file_and_holds_nothing_open_at_its_ends(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(bytes(range(200)))
    file = LazyFile(tmp_path / "f")
    assert file._file is None
    assert file.seek(0, io.SEEK_END) == 200
    file.seek(0)
    assert b"".join(iter(lambda: file.read(64), b"")) == bytes(range(200))
    assert file._file is None
