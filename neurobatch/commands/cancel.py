"""`neurobatch cancel`: stop what has not run."""

from __future__ import annotations

import json
from uuid import UUID

import click

from neurobatch.client import Client
from neurobatch.exit_codes import ExitCode
from neurobatch.options import batch_argument, json_option, key_option, url_option
from neurobatch.progress import print_batches


@click.command()
@batch_argument
@url_option
@key_option
@json_option("the batch")
def cancel(batch_id: UUID, url: str, key: str | None, *, as_json: bool) -> ExitCode:
    """Stop what has not run; scans that are running stop before their next costly stage."""
    with Client(url, key=key) as client:
        batch = client.cancel(str(batch_id))
    if as_json:
        click.echo(json.dumps(batch))
    else:
        print_batches([batch])
    return ExitCode.OK
