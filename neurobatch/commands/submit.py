"""`neurobatch submit`: send files to a running service."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
import httpx

from neurobatch.client import Client, RequestRefused
from neurobatch.progress import BatchProgressBar, print_results, summary
from shared.settings import load_settings


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--url", help="The service; default: the host and port of the settings.")
@click.option("--name", help="A name for the batch.")
@click.option("--wait", is_flag=True, help="Wait until every scan has come to an end.")
@click.option("--json", "as_json", is_flag=True, help="Print the batch (with --wait: and its scans) as JSON.")
def submit(paths: tuple[Path, ...], url: str | None, name: str | None, *, wait: bool, as_json: bool) -> None:
    """Send files, or every file of folders, as one batch.

    Exit status 0: accepted (with --wait: every scan succeeded or was rejected); 1: refused, or some failed.
    """
    settings = load_settings()
    try:
        with Client(url or f"http://{settings.host}:{settings.port}") as client:
            batch = client.submit(paths, name=name)
            if wait:
                with BatchProgressBar(file=sys.stderr) as bar:
                    batch = client.wait(batch["id"], on_progress=bar.update)
            scans = list(client.scans(batch["id"])) if wait else []
    except RequestRefused as error:
        raise click.ClickException(f"{error} ({error.problem.get('code', error.status)})") from error
    except httpx.TransportError as error:
        raise click.ClickException(f"The service does not answer: {error}") from error
    if as_json:
        click.echo(json.dumps(batch | ({"scans": scans} if wait else {})))
    elif wait:
        print_results(scans, data_dir=None)
        click.echo(summary(batch))
    else:
        click.echo(batch["id"])
    sys.exit(1 if batch["counts"]["failed"] else 0)
