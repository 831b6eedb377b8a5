"""The command `neurobatch`; each subcommand's module is imported only when it is called."""

from __future__ import annotations

import importlib
import sys

import click
from pydantic import ValidationError

_COMMANDS = {
    "up": "Serve API, worker, relay and an embedded broker until Ctrl-C.",
    "demo": "Start everything, run one batch and show its results.",
    "submit": "Send files or folders to a running service.",
    "relay": "Publish waiting scans; runs beside the workers.",
    "predict": "Classify files without a service.",
    "train": "Train a network.",
    "evaluate": "Measure a model bundle by patient.",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"neurobatch.commands.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_LazyGroup)
@click.version_option(package_name="neurobatch")
def cli() -> None:
    """Batch processing of brain MRI. For research; not a medical device."""


def main() -> None:
    """Entry point: errors that a user can mend are told in a line, not as a traceback."""
    try:
        cli()
    except ValidationError as error:
        for fault in error.errors():
            name = "NEUROBATCH_" + "_".join(map(str, fault["loc"])).upper()
            print(f"neurobatch: {name}: {fault['msg']}", file=sys.stderr)
        sys.exit(2)
