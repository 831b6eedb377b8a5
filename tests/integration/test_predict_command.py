"""`neurobatch predict` on a folder: a line a picture, in order, whatever is in it."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from neurobatch.commands.predict import map_name, predict
from tests.drawn_nifti import draw_head_volume, draw_nifti
from tests.unit.inference.phantoms import draw_head, encode
from training.export import export_untrained


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    export_untrained(folder, size_px=64, width=6)
    return folder


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    (folder / "deeper").mkdir(parents=True)
    (folder / "b.png").write_bytes(encode(draw_head(100, 120)))
    (folder / "a.txt").write_text("no picture")
    (folder / "deeper" / "b.png").write_bytes(encode(draw_head(90, 80)))
    first, second = Image.fromarray(draw_head(100, 100)), Image.fromarray(draw_head(110, 100))
    (folder / "c.tif").write_bytes(encode(first, "TIFF", save_all=True, append_images=[second]))
    return folder


def lines_of(*arguments: str | Path, out: Path) -> list[dict[str, Any]]:
    done = CliRunner().invoke(predict, [*map(str, arguments), "--out", str(out)])
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in out.read_text().splitlines()]


def test_every_picture_has_its_line_in_order(scans: Path, bundle: Path, tmp_path: Path) -> None:
    lines = lines_of(scans, "--model", bundle, out=tmp_path / "out.jsonl")
    assert [(line["filename"], line["frame"], line["state"]) for line in lines] == [
        ("a.txt", 0, "rejected"),
        ("b.png", 0, "succeeded"),
        ("c.tif", 0, "succeeded"),
        ("c.tif", 1, "succeeded"),
        ("deeper/b.png", 0, "succeeded"),
    ]
    assert lines[0]["code"] == "not_an_image"
    assert sum(lines[1]["probabilities"].values()) == pytest.approx(1)
    assert lines[1]["model"] == "tiny"


def test_maps_have_the_scans_size_and_names_of_their_own(scans: Path, bundle: Path, tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    lines = lines_of(scans, "--model", bundle, "--maps", maps, out=tmp_path / "out.jsonl")[1:]
    heats = [np.load(line["map"]) for line in lines]
    assert [heat.shape for heat in heats] == [(120, 100), (100, 100), (100, 110), (80, 90)]
    for line, heat in zip(lines, heats, strict=True):
        assert heat.dtype == np.float32
        assert 0 <= heat.min() <= heat.max() <= 1
        assert heat[line["focus"]["y"], line["focus"]["x"]] == heat.max()
    assert {Path(line["map"]) for line in lines} == {path.resolve() for path in maps.iterdir()}


def test_how_many_were_told_and_are_to_be_reviewed_is_said_in_the_end(
    scans: Path, bundle: Path, tmp_path: Path
) -> None:
    doubtful, out = tmp_path / "doubtful", tmp_path / "out.jsonl"
    shutil.copytree(bundle, doubtful)
    description = json.loads((doubtful / "bundle.json").read_text())
    (doubtful / "bundle.json").write_text(json.dumps({**description, "review_below": 1.0}))
    done = CliRunner().invoke(predict, [str(scans), "--model", str(doubtful), "--out", str(out)])
    doubted = sum(json.loads(line).get("needs_review", False) for line in out.read_text().splitlines())
    assert doubted == 4
    assert f"4 succeeded ({doubted} to be reviewed), 1 rejected" in done.output


def test_each_slice_of_a_volume_has_its_line(bundle: Path, tmp_path: Path) -> None:
    packed, broken = tmp_path / "head.nii.gz", tmp_path / "fmri.nii"
    packed.write_bytes(gzip.compress(draw_nifti(draw_head_volume(4))))
    broken.write_bytes(draw_nifti(np.zeros((40, 40, 2, 2), np.uint8)))
    lines = lines_of(packed, broken, "--model", bundle, out=tmp_path / "out.jsonl")
    assert [(line["filename"], line["frame"], line.get("code")) for line in lines] == [
        ("head.nii.gz", 0, "no_brain_found"),
        ("head.nii.gz", 1, None),
        ("head.nii.gz", 2, None),
        ("head.nii.gz", 3, "no_brain_found"),
        ("fmri.nii", 0, "several_volumes"),
    ]


def test_nothing_but_rejected_files_is_no_error(bundle: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.png"
    empty.write_bytes(b"")
    (line,) = lines_of(empty, "--model", bundle, out=tmp_path / "out.jsonl")
    assert (line["filename"], line["code"]) == ("empty.png", "empty_file")


@pytest.mark.parametrize("filename", ["../../etc/x.png", "a\nb.png", "..", "x" * 300 + ".png", "ä/ö.png", "\udcff.png"])
def test_a_map_cannot_leave_its_folder(filename: str) -> None:
    name = map_name(7, filename)
    assert Path(name).name == name
    assert name.startswith("000007-")
    assert len(name) < 100
    assert name.isascii()
