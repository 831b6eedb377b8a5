from __future__ import annotations

import os
import re
from pathlib import Path

from neurobatch.configuration_reference import ROOT, TARGET, configuration_reference
from shared.settings import Settings, load_settings


def test_the_file_is_what_the_settings_say() -> None:
    assert TARGET.read_text() == configuration_reference(), "run: python -m neurobatch.configuration_reference"


def test_every_setting_is_there_by_the_name_that_sets_it() -> None:
    listed = re.findall(r"^\| `(NEUROBATCH_\w+)` \| .+ \| .+ \|$", TARGET.read_text(), flags=re.MULTILINE)
    assert sorted(listed) == sorted(f"NEUROBATCH_{name.upper()}" for name in Settings.model_fields)
    assert len(set(listed)) == len(listed)


def test_nothing_of_this_machine_is_in_it() -> None:
    text = TARGET.read_text()
    assert str(ROOT) not in text
    assert str(Path.home()) + os.sep not in text
    assert f"`models/{Settings().model_dir.name}`" in text
    assert "`data`" in text


def test_the_documented_defaults_are_in_force() -> None:
    ours = {name for name in os.environ if name.startswith("NEUROBATCH_")}
    defaults = load_settings().model_dump()
    for row in re.findall(r"^\| `NEUROBATCH_(\w+)` \| `([^`]+)`", TARGET.read_text(), flags=re.MULTILINE):
        name, shown = row
        value = defaults[name.lower()]
        if f"NEUROBATCH_{name}" not in ours and not isinstance(value, Path):
            assert str(value) == shown
