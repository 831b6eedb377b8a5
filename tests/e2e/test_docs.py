"""What docs/api.md shows is what happens: its examples, run in order against one service."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from neurobatch.phantoms import draw_head
from tests.drawn_nifti import draw_head_volume, draw_nifti
from tests.e2e.running import Running, clean_environment, running

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTED_URL = "http://127.0.0.1:8000"
BLOCK = re.compile(r"^```(sh|python|json)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
_GIVE_UP_AFTER_S = 300


@dataclass(frozen=True)
class Block:
    """One fenced block of a document."""

    kind: str
    text: str
    line: int


def blocks_of(document: Path) -> list[Block]:
    text = document.read_text()
    return [Block(found[1], found[2], text.count("\n", 0, found.start()) + 1) for found in BLOCK.finditer(text)]


class Shell:
    """One shell for all blocks, so that they share variables; a command that fails ends it."""

    _END = "--- end of block ---"

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            ["bash", "-euo", "pipefail"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=clean_environment(
                {
                    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                    "XDG_STATE_HOME": str(folder / "state"),
                }
            ),
        )
        self._watchdog = threading.Timer(_GIVE_UP_AFTER_S, self._process.kill)
        self._watchdog.start()

    def run(self, block: Block) -> str:
        """The block's standard output."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{block.text}\necho\necho '{self._END}'\n")
        self._process.stdin.flush()
        lines: list[str] = []
        for line in self._process.stdout:
            if line.rstrip("\n") == self._END:
                return "".join(lines)
            lines.append(line)
        pytest.fail(f"the example at line {block.line} fails:\n{block.text}\n{''.join(lines)}")

    def close(self) -> None:
        """End the shell."""
        self._watchdog.cancel()
        self._process.kill()
        self._process.communicate()


def assert_same_shape(documented: Any, answered: Any, *, at: str) -> None:
    """Same members and types throughout; null stands for anything, a list's first item for all."""
    if documented is None or answered is None:
        return
    if isinstance(documented, dict):
        assert isinstance(answered, dict), at
        assert set(documented) == set(answered), at
        for name in documented:
            assert_same_shape(documented[name], answered[name], at=f"{at}.{name}")
    elif isinstance(documented, list):
        assert isinstance(answered, list), at
        assert answered or not documented, f"{at} is empty"
        for item in answered:
            assert_same_shape(documented[0] if documented else None, item, at=f"{at}[]")
    else:
        both_numbers = {type(documented), type(answered)} <= {int, float}
        assert both_numbers or type(documented) is type(answered), at


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data"), NEUROBATCH_WEBHOOK_PRIVATE_TARGETS="1") as service:
        yield service


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of the examples, with the scans they speak of."""
    scans = tmp_path / "scans"
    scans.mkdir()
    for seed, name in enumerate(("a.png", "b.png")):
        Image.fromarray(draw_head(seed)).save(scans / name)
    (scans / "broken.png").write_bytes(b"no image")
    (tmp_path / "head.nii.gz").write_bytes(gzip.compress(draw_nifti(draw_head_volume(5))))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shell(folder: Path) -> Iterator[Shell]:
    shell = Shell(folder)
    yield shell
    shell.close()


def test_the_examples_of_the_api_run_in_order(service: Running, shell: Shell) -> None:
    printed = ""
    names: dict[str, Any] = {}
    for block in blocks_of(ROOT / "docs" / "api.md"):
        text = block.text.replace(DOCUMENTED_URL, service.url)
        if block.kind == "sh":
            printed = shell.run(Block(block.kind, text, block.line))
        elif block.kind == "python":
            # Lines of a traceback are those of the document.
            exec(compile("\n" * block.line + text, "docs/api.md", "exec", dont_inherit=True), names)
        else:
            assert_same_shape(json.loads(text), json.loads(printed), at=f"docs/api.md line {block.line}: answer")


def without_names(path: str) -> str:
    """A path whose parameters have no names: those of the document are shorter."""
    return re.sub(r"\{\w+\}", "{}", path)


def test_every_call_is_documented_and_every_documented_one_is_there(service: Running) -> None:
    described = service.client._get("/openapi.json")["paths"]
    there = {f"{method.upper()} {without_names(path)}" for path, calls in described.items() for method in calls}
    assert len(there) > 20
    text = (ROOT / "docs" / "api.md").read_text()
    documented = {without_names(call) for call in re.findall(r"`([A-Z]+ /[^`?]+)", text)}
    assert there - documented == set()
    assert {call for call in documented if " /v1/" in call} - there == set()


def test_every_metric_is_explained_and_every_explained_one_is_there(service: Running) -> None:
    shown = set(re.findall(r"^# TYPE (\w+)", httpx.get(f"{service.url}/metrics").text, flags=re.MULTILINE))
    text = (ROOT / "docs" / "operations.md").read_text()
    assert set(re.findall(r"^\| `(neurobatch_\w+)", text, flags=re.MULTILINE)) == shown
    in_alerts = re.findall(r"neurobatch_\w+", text.partition("```yaml")[2].partition("```")[0])
    assert {re.sub("_(sum|count)$", "", name) for name in in_alerts} <= shown


def test_every_alert_has_a_meaning_and_something_to_do() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    alerts = re.findall(r"- alert: (\w+)", text)
    assert alerts
    rows = re.findall(r"^\| (Neurobatch\w+) \| (.+) \| (.+) \| (.+) \|$", text, flags=re.MULTILINE)
    assert [row[0] for row in rows] == alerts


def test_every_log_event_is_explained_and_every_explained_one_is_written() -> None:
    sources = [path for part in ("api", "shared", "worker", "neurobatch") for path in (ROOT / part).rglob("*.py")]
    written = {name for path in sources for name in re.findall(r'_log\.\w+\(\s*"(\w+)"', path.read_text())}
    _, _, table = (ROOT / "docs" / "operations.md").read_text().partition("| event | part | means |")
    explained = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.partition(" | ")[0])}
    assert explained == written


def test_links_lead_somewhere() -> None:
    for document in (ROOT / "docs").glob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
        anchors = {
            re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.+)$", document.read_text(), flags=re.MULTILINE)
        }
        for target in re.findall(r"\]\(#([^)]+)\)", document.read_text()):
            assert target in anchors, f"{document.name}: #{target}"
