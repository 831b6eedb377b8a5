"""When a rival's environment is made anew, and what its list of requirements may hold."""

import re
from pathlib import Path

import pytest

from benchmarks.rivals.environments import REQUIREMENTS, CannotInstall, environment, made_from
from benchmarks.rivals.measure import RIVALS

_PIN = re.compile(r"[A-Za-z0-9.-]+==[^ ;]+(; (sys_platform|platform_machine) .+)?")


@pytest.mark.parametrize("rival", RIVALS)
def test_requirements_are_pinned_and_name_no_index(rival: str) -> None:
    lines = (REQUIREMENTS / f"{rival}.txt").read_text().splitlines()
    assert lines[0].startswith("#")
    assert all(_PIN.fullmatch(line) for line in lines[1:])


def test_what_cannot_be_installed_is_named_and_not_taken_for_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "rival.txt").write_text("no-such-package==1.0\n")
    told: list[str] = []
    for _ in range(2):
        with pytest.raises(CannotInstall, match=r"rival cannot be installed here: .*no-such-package"):
            environment("rival", tmp_path / "made", tell=told.append, lists=tmp_path)
    assert len(told) == 2


def test_an_environment_is_made_once_and_anew_when_its_requirements_change(tmp_path: Path) -> None:
    requirements = tmp_path / "rival.txt"
    requirements.write_text("# nothing\n")
    told: list[str] = []
    first, second = (environment("rival", tmp_path / "made", tell=told.append, lists=tmp_path) for _ in range(2))
    assert first.python.exists()
    assert first.python == second.python
    assert (first.made, second.made) == (True, False)
    assert first.seconds > second.seconds
    assert len(told) == 2
    requirements.write_text("# nothing else\n")
    assert not made_from(tmp_path / "made" / "rival", requirements)
