"""That a rival is still made from its pins, still answers, and still does the same work as we do."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.rivals.measure import measure_rivals
from benchmarks.scans import make_scans
from tests.conftest import missing


def test_litserve_is_made_and_does_the_same_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The lightest of the rivals; labels, probabilities and files are held against ours by `measure_rivals`."""
    scans = make_scans(tmp_path / "scans", 6)
    measured = measure_rivals(scans, tmp_path / "written", only=["litserve"], repetitions=1)
    told = capsys.readouterr().err
    if "cannot be installed" in told:
        missing(f"LitServe: {told}")
    assert len(measured["litserve"].rival) == len(measured["litserve"].service) == 1, told
