"""dciodvfy of Debian's dicom3tools, which holds a DICOM file against the definition of its kind (PS3.3)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.conftest import missing


def errors_in(file: Path) -> list[str]:
    """What dciodvfy calls an error in it; AssertionError where it does not know the file's kind."""
    command = shutil.which("dciodvfy")
    if command is None:
        missing("dciodvfy: install dicom3tools")
    said = subprocess.run([command, "-new", str(file)], capture_output=True, text=True, timeout=30, check=False)
    lines = (said.stdout + said.stderr).splitlines()
    assert {"SCImage", "ComprehensiveSR"} & set(lines), lines
    return [line for line in lines if not line.startswith("Warning") and line not in ("", "SCImage", "ComprehensiveSR")]
