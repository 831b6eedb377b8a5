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


def test_the_citation_is_of_this_version_and_licence() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "CITATION.cff").read_text().splitlines()
    assert {f"version: {project['version']}", f"license: {project['license']}"} <= set(lines)
