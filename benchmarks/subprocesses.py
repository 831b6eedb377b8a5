"""Runs a part of the benchmark in a Python of its own: fresh memory, and TensorFlow set up for that part alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_TOLD_CHARS = 2_000


def run_module(module: str, arguments: Sequence[str], scans: Sequence[Path]) -> str:
    """What `python -m MODULE` writes when it is given the scans' paths; RuntimeError with its last words."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        input="\n".join(str(scan.resolve()) for scan in scans),
        cwd=ROOT,
        env={"TF_CPP_MIN_LOG_LEVEL": "2", **os.environ},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{module} ended with {done.returncode}: {done.stderr[-_TOLD_CHARS:]}")
    return done.stdout
