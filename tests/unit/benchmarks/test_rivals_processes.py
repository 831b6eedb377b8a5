"""A server is ended with everything below it, wherever its children moved to."""

import os
import subprocess
import sys
import time

from benchmarks.rivals.processes import descendants, halted, stop

_FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import os, time; os.setsid(); time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def test_children_in_other_sessions_end_too() -> None:
    parent = subprocess.Popen([sys.executable, "-c", _FAMILY], stdout=subprocess.PIPE, start_new_session=True)
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert child in descendants(parent.pid)
        stop(parent, grace_s=5)
        assert parent.returncode is not None
        assert _gone(child)


def test_whoever_is_halted_stands_still_and_goes_on_after() -> None:
    counting = "import itertools\nfor n in itertools.count(): print(n, flush=True)"
    parent = subprocess.Popen([sys.executable, "-c", counting], stdout=subprocess.PIPE, start_new_session=True)
    with parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        with halted([parent.pid]):
            assert _state(parent.pid).startswith("T")
        deadline = time.monotonic() + 5
        while _state(parent.pid).startswith("T"):
            assert time.monotonic() < deadline
        stop(parent, grace_s=5)


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if _state(pid).startswith("Z"):
            return True
        time.sleep(0.05)
    return False


def _state(pid: int) -> str:
    return subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
