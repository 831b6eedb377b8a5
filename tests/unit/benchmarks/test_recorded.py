"""docs/performance.md is the recorded run; a run is kept whole, and takes the place of the last one."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.recorded import DOCUMENT, RECORDED_FILE, record, with_recorded
from benchmarks.summary import headline
from tests.unit.benchmarks.test_summary import MEASURED

ROOT = Path(__file__).resolve().parents[3]
RUN = headline(MEASURED) | MEASURED | {"machine": {"cores": 2, "processor": "X"}, "seconds": 9}


def test_the_document_is_the_recorded_run() -> None:
    text = (ROOT / DOCUMENT).read_text()
    assert text == with_recorded(text, root=ROOT)


def test_the_recorded_run_is_whole() -> None:
    recorded = json.loads((ROOT / RECORDED_FILE).read_text())
    made = headline(recorded)
    assert recorded["figures"].items() <= made["figures"].items()
    assert set(headline(RUN)) <= set(made)


def test_a_run_takes_the_place_of_the_last_one(tmp_path: Path) -> None:
    for file in (RECORDED_FILE, DOCUMENT):
        (tmp_path / file).parent.mkdir()
    document = tmp_path / DOCUMENT
    document.write_text(f"Before.\n\n<!-- made of {RECORDED_FILE} -->\n<!-- end -->\n\nAfter.\n")
    record({**RUN, "seconds": 8}, root=tmp_path)
    record(RUN, root=tmp_path)
    text = document.read_text()
    assert text.startswith("Before.\n")
    assert text.endswith("<!-- end -->\n\nAfter.\n")
    assert "2 cores of X; 9 s in all." in text
    assert "8 s in all" not in text


def test_a_document_without_a_place_for_it_is_an_error(tmp_path: Path) -> None:
    (tmp_path / RECORDED_FILE).parent.mkdir()
    (tmp_path / RECORDED_FILE).write_text(json.dumps(RUN))
    with pytest.raises(ValueError, match="no place is marked"):
        with_recorded("Nothing here.", root=tmp_path)


def test_a_part_is_not_recorded() -> None:
    refused = CliRunner().invoke(main, ["--record", "--only", "start"])
    assert refused.exit_code == 2
    assert "leave --only out" in refused.output


def test_a_folder_without_a_picture_is_no_drawn_heads(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"no .png and no .jpg")
    done = CliRunner().invoke(main, ["--scans", str(tmp_path), "--only", "stages", "--folder", str(tmp_path / "none")])
    assert (done.exit_code, "there is no .png and no .jpg in it" in done.output) == (2, True)
