"""The commands as a user types them."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neurobatch.cli import _COMMANDS
from neurobatch.phantoms import draw_head
from shared.domain import TumorClass
from tests.conftest import ROOT
from tests.e2e.running import clean_environment, command, free_port


def run(*arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [command("neurobatch"), *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=clean_environment(environment),
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    (folder / "deeper").mkdir(parents=True)
    Image.fromarray(draw_head(0)).save(folder / "a.png")
    Image.fromarray(draw_head(1)[12:244]).save(folder / "deeper" / "a.png")
    (folder / "b.png").write_bytes(b"no image")
    return folder


def test_demo_ends_with_the_counts(folder: Path, tmp_path: Path) -> None:
    # The key in the environment is of another service, and not the demo's.
    key = {"NEUROBATCH_API_KEY": "nb_0123456789ab_elsewhere"}
    done = run("demo", "--scans", folder, "--data-dir", tmp_path / "kept", cwd=tmp_path, **key)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "3 scans: 2 succeeded, 1 rejected, 0 failed, 0 cancelled"
    shown = [word for word in done.stdout.split() if word.endswith("heatmap.png")]
    assert len(shown) == 2
    assert all(Path(path).is_file() for path in shown)
    assert (tmp_path / "kept" / "neurobatch.db").is_file()


def test_predict_writes_a_line_for_each_file_in_order(folder: Path, tmp_path: Path) -> None:
    out, maps = tmp_path / "out.jsonl", tmp_path / "maps"
    (tmp_path / "again").mkdir()
    shutil.copy(folder / "a.png", tmp_path / "again")
    done = run("predict", folder, tmp_path / "again", "--out", out, "--maps", maps, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [Path(line["filename"]).name for line in lines] == ["a.png", "b.png", "a.png", "a.png"]
    assert [line["state"] for line in lines] == ["succeeded", "rejected", "succeeded", "succeeded"]
    assert lines[1]["code"] == "not_an_image"
    again = {k: v for k, v in lines[3].items() if k not in ("filename", "map", "probabilities", "confidence")}
    assert {k: v for k, v in lines[0].items() if k in again} == again
    assert lines[0]["probabilities"] == pytest.approx(lines[3]["probabilities"], abs=1e-6)  # of another batch
    good = [line for line in lines if line["state"] == "succeeded"]
    assert len({line["map"] for line in good}) == 3
    for line, shape in zip(good, [(256, 256), (232, 256), (256, 256)], strict=True):
        assert set(line["probabilities"]) == set(TumorClass)
        assert sum(line["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert line["label"] == max(line["probabilities"], key=line["probabilities"].get)
        assert isinstance(line["needs_review"], bool)
        full = np.load(maps / Path(line["map"]).name)
        assert (full.dtype, full.shape) == (np.float32, shape)
        assert 0 <= full.min() <= full.max() <= 1
        assert full[line["focus"]["y"], line["focus"]["x"]] == full.max()


def test_submit_says_that_nobody_answers(folder: Path, tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path / "state")}
    done = run("submit", folder, "--url", f"http://127.0.0.1:{free_port()}", cwd=tmp_path, **environment)
    assert done.returncode == 4
    assert "does not answer" in done.stderr


def test_a_wrong_setting_is_told_in_a_line(tmp_path: Path) -> None:
    done = run("up", cwd=tmp_path, NEUROBATCH_MAX_PIXELS="many")
    assert done.returncode == 2
    assert done.stderr.startswith("neurobatch: NEUROBATCH_MAX_PIXELS: ")
    assert "Traceback" not in done.stderr


def test_reconcile_takes_a_data_directory_and_says_where_there_is_no_database(tmp_path: Path) -> None:
    done = run("reconcile", "--data-dir", tmp_path / "none", cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr, (tmp_path / "none").exists()) == (1, False, False)
    assert f"There is no database {tmp_path / 'none' / 'neurobatch.db'}" in done.stderr
    make = ("admin", "create-key", "--project", "p")
    assert run(*make, "--data-dir", tmp_path / "kept", cwd=tmp_path).returncode == 0
    done = run("reconcile", "--data-dir", tmp_path / "kept", cwd=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "claims released: 0")


@pytest.mark.parametrize("words", [("list-keys",), ("audit",), ("revoke-key", "0")], ids=" ".join)
def test_what_is_asked_of_a_database_that_is_elsewhere_makes_none(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run("admin", *words, "--data-dir", tmp_path / "none", cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr, (tmp_path / "none").exists()) == (1, False, False)
    assert f"There is no database {tmp_path / 'none' / 'neurobatch.db'}" in done.stderr


@pytest.mark.parametrize("words", [("reconcile",), ("admin", "list-keys")], ids=" ".join)
def test_a_database_that_does_not_answer_is_told_in_a_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    away = f"postgresql://nobody:secret@127.0.0.1:{free_port()}/none"
    done = run(*words, cwd=tmp_path, NEUROBATCH_DATABASE_URL=away)
    assert (done.returncode, "Traceback" in done.stderr, "secret" in done.stderr) == (1, False, False)
    assert "neurobatch: The database does not answer: " in done.stderr


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("up", "--port", taken.getsockname()[1], "--data-dir", tmp_path / "d", cwd=tmp_path)
    assert done.returncode == 1
    assert "cannot be used" in done.stderr


def test_a_model_that_cannot_be_read_is_told_before_anything_starts(tmp_path: Path) -> None:
    done = run("up", "--data-dir", tmp_path / "d", cwd=tmp_path, NEUROBATCH_MODEL_DIR=str(tmp_path / "none"))
    assert done.returncode == 1
    assert done.stderr.startswith(f"neurobatch: {tmp_path / 'none'} is no readable model bundle")
    assert not (tmp_path / "d").exists()


def test_a_worker_without_a_model_takes_no_scan(tmp_path: Path) -> None:
    changes = {"NEUROBATCH_MODEL_DIR": str(tmp_path / "none"), "NEUROBATCH_REDIS_URL": "redis://127.0.0.1:1/0"}
    worker = [command("celery"), "-A", "worker.app", "worker"]
    done = subprocess.run(
        worker, cwd=ROOT, env=clean_environment(changes), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "is no readable model bundle" in done.stderr


@pytest.mark.parametrize("name", list(_COMMANDS))
def test_every_command_explains_itself(tmp_path: Path, name: str) -> None:
    assert name in run("--help", cwd=tmp_path).stdout
    assert "Usage: neurobatch " + name in run(name, "--help", cwd=tmp_path).stdout
