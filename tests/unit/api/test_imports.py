from __future__ import annotations

import subprocess
import sys


def test_the_api_loads_none_of_the_networks_libraries() -> None:
    libraries = ("tensorflow", "keras", "cv2", "matplotlib", "pydicom", "gdcm", "highdicom")
    code = f"import sys, api.app; print([m for m in {libraries} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
