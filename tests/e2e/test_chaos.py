"""The short form of `make chaos`: the real service under harm, on both databases; docs/chaos.md."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.kinds import KINDS, SHORT
from tests.conftest import ROOT
from tests.e2e.running import clean_environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="dies with its parent through prctl")


def test_a_few_kinds_of_harm_break_no_promise(tmp_path: Path) -> None:
    table = tmp_path / "chaos.json"
    command = [sys.executable, "-m", "chaos", "run", "--short", "--json", str(table)]
    done = subprocess.run(
        command, cwd=ROOT, env=clean_environment({"PYTHONPATH": str(ROOT)}), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(table.read_text())
    assert {row["fault"] for row in rows} == set(SHORT)
    for row in rows:
        assert (row["lost"], row["duplicated"], row["orphaned"]) == (0, 0, 0)
        assert row["times"] >= 2


def test_every_kind_is_documented() -> None:
    text = (ROOT / "docs" / "chaos.md").read_text().replace(",", " ")
    assert len(KINDS) >= 12
    assert set(SHORT) <= {kind.name for kind in KINDS}
    for kind in KINDS:
        for word in kind.name.replace("answer to a worker's", "").split():
            assert word in text, f"{kind.name}: {word}"
