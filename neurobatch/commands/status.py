"""`neurobatch status`: how a batch stands."""

from __future__ import annotations

import json
import sys
from itertools import islice
from uuid import UUID

import click

from neurobatch.client import Client
from neurobatch.exit_codes import ExitCode, of_batch
from neurobatch.options import json_option, key_option, url_option, wait_option
from neurobatch.progress import BatchProgressBar, print_batches


@click.command()
@click.argument("batch_id", type=click.UUID, metavar="[BATCH]", required=False)
@url_option
@key_option
@wait_option()
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Batches, where none is named.")
@json_option("the batch, or one batch a line,")
def status(batch_id: UUID | None, url: str, key: str | None, limit: int, *, wait: bool, as_json: bool) -> ExitCode:
    """Show one batch, or the newest ones."""
    if batch_id is None and wait:
        raise click.UsageError("--wait needs a BATCH.")
    with Client(url, key=key) as client:
        if batch_id is None:
            batches = list(islice(client.batches(), limit))
        elif wait:
            with BatchProgressBar(file=sys.stderr) as bar:
                batches = [client.wait(str(batch_id), on_progress=bar.update)]
        else:
            batches = [client.batch(str(batch_id))]
    if as_json:
        for batch in batches:
            click.echo(json.dumps(batch))
    else:
        print_batches(batches)
    return ExitCode.OK if batch_id is None else of_batch(batches[0])
