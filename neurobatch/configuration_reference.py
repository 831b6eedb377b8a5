"""Writes docs/configuration.md from the settings, so that the two cannot differ.

`python -m neurobatch.configuration_reference` renews the file; a test compares it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shared.settings import Settings, is_limit

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "configuration.md"
_UNITS = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))
_HEAD = """\
# Configuration

Every setting is an environment variable. Each process reads them once, when it starts; one that is invalid stops it
with a message that names it. Give API, relay and workers the same values. Two variables are no settings of the
service: `NEUROBATCH_API_KEY`, which the client and its commands send, and `NEUROBATCH_DATASETS`, where training finds
the data set.

This file is written from [shared/settings.py](../shared/settings.py) by `python -m neurobatch.configuration_reference`.
"""
_LIMITS = """\
## Limits

What breaks one is refused with 413 or 422, with 429 where it is the share of a key or a project, with 503 where it is
one event stream, upload, dry run, picture, study or DICOM report too many, with 408 where the client is too slow; or
it is a rejected scan. The answer names the limit and its value. Those that end with `_LIMIT` count tries, after which
a scan or a delivery failed.
`GET /v1/limits` tells the values of a running service.
"""


def configuration_reference() -> str:
    """The whole file."""
    limits = [name for name in Settings.model_fields if is_limit(name)]
    others = [name for name in Settings.model_fields if not is_limit(name)]
    return "\n".join((_HEAD, "## Service\n", *_table(others), "", _LIMITS, *_table(limits), ""))


def _table(names: list[str]) -> list[str]:
    rows = (f"| `{variable(name)}` | {_default(name)} | {Settings.model_fields[name].description} |" for name in names)
    return ["| variable | default | meaning |", "|---|---|---|", *rows]


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"{Settings.model_config['env_prefix']}{name.upper()}"


def _default(name: str) -> str:
    value = Settings.model_fields[name].default
    shown = _shown(value)
    unit = _in_units(value) if name.endswith("_bytes") else ""
    return f"`{shown}`{unit}" if shown else "(empty)"


def _shown(value: Any) -> str:
    """Paths of the installation are shown relative to it: the reference is the same on every machine."""
    if isinstance(value, Path):
        return (value.relative_to(ROOT) if value.is_relative_to(ROOT) else value).as_posix()
    return str(value)


def _in_units(size_bytes: int) -> str:
    for unit_bytes, unit in _UNITS:
        if size_bytes >= unit_bytes and size_bytes % unit_bytes == 0:
            return f" ({size_bytes // unit_bytes} {unit})"
    return ""


if __name__ == "__main__":
    TARGET.write_text(configuration_reference())
