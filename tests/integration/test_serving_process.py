"""What gunicorn's hooks do to the process that serves."""

import subprocess
import sys

from tests.conftest import ROOT

_HOOK_CALLED = """
import gc, runpy
hooks = runpy.run_path("gunicorn.conf.py")
import api.wsgi
before = len(gc.get_objects())
usual = gc.get_threshold()
hooks["post_worker_init"](None)
print(gc.get_freeze_count() / before, len(gc.get_objects()), gc.get_threshold()[:2] == usual[:2], gc.get_threshold()[2])
"""


def test_the_application_is_kept_out_of_garbage_collections() -> None:
    told = subprocess.run(
        [sys.executable, "-c", _HOOK_CALLED], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    frozen_share, left = float(told[0]), int(told[1])
    assert frozen_share > 0.9
    assert left < 1_000
    assert told[2:] == ["True", "100"]
