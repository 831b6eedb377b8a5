"""Only the kernel is believed about who lives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from shared.liveness import hold, machine, owner_if_dead

_HOLDER = """
import sys, time
from pathlib import Path
from shared.liveness import hold
hold(Path(sys.argv[1]), owner="worker-1")
print("held", flush=True)
time.sleep(60)
"""


def test_a_lock_tells_its_owner_once_the_process_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "a.lock"
    with subprocess.Popen([sys.executable, "-c", _HOLDER, path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert owner_if_dead(path) is None
        process.kill()
        process.wait()
    assert owner_if_dead(path) == "worker-1"
    assert [found.name for found in path.parent.iterdir()] == ["a.lock"]


def test_nothing_is_concluded_about_another_machine_or_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    assert owner_if_dead(path) is None
    path.write_text("another machine\nworker-1")
    assert owner_if_dead(path) is None
    path.write_text(f"{machine()}\nworker-1")
    assert owner_if_dead(path) == "worker-1"


def test_letting_go_removes_the_file_and_abandoning_leaves_it(tmp_path: Path) -> None:
    hold(tmp_path / "a.lock", owner="a").release()
    hold(tmp_path / "b.lock", owner="b").abandon()
    assert [path.name for path in tmp_path.iterdir()] == ["b.lock"]
    assert owner_if_dead(tmp_path / "b.lock") == "b"
