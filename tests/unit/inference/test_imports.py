"""What docs/architecture.md says of the network's library: another one would change few modules."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("library", "knowing"),
    [("keras", {"compiled.py", "model.py", "network.py"}), ("tensorflow", {"compiled.py"})],
)
def test_few_modules_of_inference_know_the_networks_library(library: str, knowing: set[str]) -> None:
    imported = re.compile(rf"^\s*(import|from) {library}\b", flags=re.MULTILINE)
    modules = (ROOT / "worker" / "inference").rglob("*.py")
    assert {path.name for path in modules if imported.search(path.read_text())} == knowing
