"""Options that commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from shared.settings import load_settings


def _default_url() -> str:
    settings = load_settings()
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


url_option = click.option(
    "--url", default=_default_url, help="The service; default: the host and port of the settings."
)
batch_argument = click.argument("batch_id", type=click.UUID, metavar="BATCH")


def json_option(what: str) -> Callable[[Any], Any]:
    """`--json`; `what` is printed."""
    return click.option("--json", "as_json", is_flag=True, help=f"Print {what} as JSON.")


def wait_option() -> Callable[[Any], Any]:
    """`--wait`."""
    return click.option("--wait", is_flag=True, help="Wait until every scan has come to an end.")
