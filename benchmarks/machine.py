"""On what the figures were measured."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

from shared.settings import usable_cores


def machine() -> dict[str, str | int]:
    """Processor, cores and versions."""
    return {
        "processor": _processor(),
        "cores": usable_cores(),
        "system": platform.system(),
        "python": platform.python_version(),
        "keras": version("keras"),
        "opencv": version("opencv-python-headless"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
