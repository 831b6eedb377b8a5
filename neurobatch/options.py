"""Options that commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from neurobatch.key_variable import KEY_VARIABLE
from shared.settings import load_settings


def _default_url() -> str:
    return load_settings().local_url


url_option = click.option(
    "--url", default=_default_url, help="The service; default: the host and port of the settings."
)
key_option = click.option(
    "--key",
    envvar=KEY_VARIABLE,
    help=f"API key; better in the variable {KEY_VARIABLE}, since others on this machine can read a command line.",
)
data_dir_option = click.option(
    "--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Where everything is kept."
)
batch_argument = click.argument("batch_id", type=click.UUID, metavar="BATCH")


def json_option(what: str) -> Callable[[Any], Any]:
    """`--json`; `what` is printed."""
    return click.option("--json", "as_json", is_flag=True, help=f"Print {what} as JSON.")


def wait_option() -> Callable[[Any], Any]:
    """`--wait`."""
    return click.option("--wait", is_flag=True, help="Wait until every scan has come to an end.")
