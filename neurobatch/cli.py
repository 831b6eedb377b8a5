"""The command `neurobatch`; each subcommand's module is imported only when it is called."""

from __future__ import annotations

import importlib
import sys

import click

_COMMANDS = {
    "up": "Serve API, worker, relay and an embedded broker until Ctrl-C.",
    "demo": "Start everything, run one batch and show its results.",
    "submit": "Send files or folders to a running service.",
    "status": "Show one batch, or the newest ones.",
    "results": "Show or save a batch's results, and its heatmaps.",
    "cancel": "Stop what has not run of a batch.",
    "retry": "Run the failed scans of a batch again.",
    "webhook": "Have an address called when a batch has come to its end.",
    "admin": "Make, list and revoke API keys; read the audit trail.",
    "relay": "Publish waiting scans; runs beside the workers.",
    "reconcile": "Look once for lost scans and files without a row.",
    "predict": "Classify files without a service.",
    "train": "Train a network.",
    "evaluate": "Measure a network by patient: JSON, plots, model card.",
    "slices": "Take labelled slices out of masked volumes.",
    "duplicates": "Count near-duplicates in the data set.",
    "gate": "Fit what turns away pictures that are no brain MRI.",
    "release": "Make the bundle that is shipped of a trained network.",
    "experiment": "Keep what a run gave in docs/experiments.md.",
    "compare": "Compare networks by paired tests.",
    "robustness": "Measure bundles on changed scans.",
    "shortcuts": "Classify without looking at the brain.",
    "cost": "Measure what bundles cost.",
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
    """Entry point: a command returns its exit code; errors that a user can mend are told in a line."""
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        from neurobatch.exit_codes import ExitCode

        code = ExitCode.INTERRUPTED
        print("neurobatch: interrupted", file=sys.stderr)
    except Exception as error:
        from neurobatch.exit_codes import of_error

        told = of_error(error)
        if told is None:
            raise
        code, lines = told
        for line in lines:
            print(f"neurobatch: {line}", file=sys.stderr)
    sys.exit(code)
