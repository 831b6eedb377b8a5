"""On what the figures were measured."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

from shared.settings import usable_cores


def machine() -> dict[str, str | int | float | bool]:
    """Processor, cores, clock and versions.

    `clock_ghz` is what /proc/cpuinfo tells, of a virtual machine mostly the nominal one; 0 where it does not.
    """
    told = _told()
    return {
        "processor": told.get("model name") or platform.processor() or "unknown",
        "cores": usable_cores(),
        "clock_ghz": round(float(told.get("cpu MHz", 0)) / 1000, 3),
        "multiplies_bfloat16": "avx512_bf16" in told.get("flags", "").split(),
        "system": platform.system(),
        "python": platform.python_version(),
        "keras": version("keras"),
        "opencv": version("opencv-python-headless"),
    }


def _told() -> dict[str, str]:
    """Of the first core."""
    try:
        first = Path("/proc/cpuinfo").read_text().partition("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
