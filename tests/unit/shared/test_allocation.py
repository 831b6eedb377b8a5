"""Freed memory is kept, in the image as by `make up`."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from shared.allocation import KEEP_FREED_MEMORY

_FAULTS_OF_A_HUNDRED_BUFFERS = """
import resource
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    bytearray(100 * 1024), bytearray(1024 * 1024)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(**environment: str) -> int:
    run = subprocess.run(
        [sys.executable, "-c", _FAULTS_OF_A_HUNDRED_BUFFERS],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    return int(run.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")
def test_pages_are_faulted_in_once() -> None:
    assert faults(**KEEP_FREED_MEMORY) < 1000
    assert faults(MALLOC_MMAP_THRESHOLD_="131072") > 25_000


def test_the_image_has_the_same_settings() -> None:
    dockerfile = (Path(__file__).resolve().parents[3] / "Dockerfile").read_text()
    assert all(f" {name}={value} " in dockerfile for name, value in KEEP_FREED_MEMORY.items())
