"""`neurobatch retry`: run what failed again."""

from __future__ import annotations

import json
import sys
from uuid import UUID

import click

from neurobatch.client import Client
from neurobatch.exit_codes import ExitCode, of_batch
from neurobatch.options import batch_argument, json_option, key_option, url_option, wait_option
from neurobatch.progress import BatchProgressBar, print_batches


@click.command()
@batch_argument
@url_option
@key_option
@wait_option()
@json_option("the batch")
def retry(batch_id: UUID, url: str, key: str | None, *, wait: bool, as_json: bool) -> ExitCode:
    """Run the failed scans of a batch again; the service refuses where none has failed."""
    with Client(url, key=key) as client:
        batch = client.retry(str(batch_id))
        if wait:
            with BatchProgressBar(file=sys.stderr) as bar:
                batch = client.wait(batch["id"], on_progress=bar.update)
    if as_json:
        click.echo(json.dumps(batch))
    else:
        print_batches([batch])
    return of_batch(batch) if wait else ExitCode.OK
