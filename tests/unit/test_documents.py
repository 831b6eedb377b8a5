"""The documents build without a warning, and what the quick start tells people to type exists."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from neurobatch.cli import cli
from shared.allocation import KEEP_FREED_MEMORY

ROOT = Path(__file__).resolve().parents[2]
TYPED = re.findall(r"```console\n(.*?)```", (ROOT / "docs" / "quick-start.md").read_text(), flags=re.DOTALL)
COMMANDS = [shlex.split(line.removeprefix(".venv/bin/")) for block in TYPED for line in block.splitlines()]


def test_the_documents_build_without_a_warning(tmp_path: Path) -> None:
    sphinx = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    build = [*sphinx, str(ROOT / "docs"), str(tmp_path)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "quick-start.html").is_file()


@pytest.mark.parametrize("words", [words for words in COMMANDS if words[0] == "neurobatch"], ids=" ".join)
def test_a_command_of_the_quick_start_takes_these_arguments(words: list[str]) -> None:
    command = cli.get_command(click.Context(cli), words[1])
    assert command is not None
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_a_make_target_of_the_quick_start_is_there() -> None:
    targets = {words[1] for words in COMMANDS if words[0] == "make"}
    assert targets
    assert targets <= set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def test_every_code_of_a_problem_or_a_scan_is_in_the_description_of_the_api() -> None:
    given = {
        code
        for package in ("api", "shared", "worker")
        for path in (ROOT / package).rglob("*.py")
        for code in re.findall(r'\bcode ?= ?"([a-z_]+)"', path.read_text())
    }
    always_more_exact = {"busy", "conflict", "forbidden", "invalid_scan"}
    of_commands = {"invalid_bundle", "invalid_project", "no_scope"}
    documented = set(re.findall(r"`([a-z_]+)`", (ROOT / "docs" / "api.md").read_text()))
    assert len(given) > 50
    assert given - documented == always_more_exact | of_commands


def test_who_starts_the_parts_alone_is_told_how_memory_is_kept() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    assert "export " + " ".join(f"{name}={value}" for name, value in KEEP_FREED_MEMORY.items()) in text


def test_the_citation_is_of_this_version_and_licence() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "CITATION.cff").read_text().splitlines()
    assert {f"version: {project['version']}", f"license: {project['license']}"} <= set(lines)
