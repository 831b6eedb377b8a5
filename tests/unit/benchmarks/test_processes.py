"""A service's processes are found by kind, children included, and those that decode apart."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.processes import by_kind, largest_mib
from neurobatch.processes import ProcessGroup

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
_PARENT = """
import subprocess, sys
wait = [sys.executable, "-c", "import time; time.sleep(60)"]
child, decoding = subprocess.Popen(wait), subprocess.Popen([*wait, "-m", "shared.decoding"])
print("started", flush=True)
child.wait()
"""


def test_children_are_of_their_parts_kind_and_decoding_is_one_of_its_own(tmp_path: Path) -> None:
    group = ProcessGroup(tmp_path, dict(os.environ), logs=tmp_path / "logs")
    group.start("worker", [sys.executable, "-c", _PARENT])
    try:
        deadline = time.monotonic() + 10
        while "started" not in (tmp_path / "logs" / "worker.log").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        found = by_kind(group)
        assert {kind: len(processes) for kind, processes in found.items()} == {"worker": 2, "decoding": 1}
        assert set(largest_mib(group)) == {"worker", "decoding"}
    finally:
        for processes in by_kind(group).values():
            for process in processes:
                subprocess.run(["kill", str(process)], check=False)
        group.stop()
