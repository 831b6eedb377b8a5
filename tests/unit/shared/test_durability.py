"""What reaches the disk cannot be seen from here; that it is asked for, and that a failure is told, can."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shared import durability
from shared.durability import make_durable


def files(folder: Path, count: int) -> list[Path]:
    paths = [folder / str(number) for number in range(count)]
    for path in paths:
        path.write_bytes(b"x")
    return paths


@pytest.mark.parametrize("count", [0, 1, 7, 8, 40])
def test_any_number_of_files_and_folders(tmp_path: Path, count: int) -> None:
    make_durable([tmp_path, *files(tmp_path, count)])


def test_a_few_are_brought_to_the_disk_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    paths = files(tmp_path, 3)
    make_durable(paths)
    assert synced == [str(path) for path in paths]


def test_without_the_system_call_each_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(durability, "_syncfs", None)
    monkeypatch.setattr(os, "fsync", synced.append)
    make_durable(files(tmp_path, 20))
    assert len(synced) == 20


def test_a_file_system_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durability, "_syncfs", lambda _: -1)
    with pytest.raises(OSError):  # noqa: PT011  (which error it is, the system says)
        make_durable(files(tmp_path, 20))


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        make_durable([tmp_path / "gone"])
