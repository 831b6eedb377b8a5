"""`neurobatch submit`: send files to a running service, and go on where an interrupted run stopped."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import click

from neurobatch.client import Client, RequestRefused
from neurobatch.documents import Batch
from neurobatch.exit_codes import ExitCode, of_batch
from neurobatch.files import check_readable, collect
from neurobatch.options import json_option, key_option, url_option, wait_option
from neurobatch.pending import PendingSubmission, content_of, pending_folder, take_up
from neurobatch.progress import BatchProgressBar, SendingBar, print_results, summary

_CANCELLED = {"cancelling", "cancelled"}
# What is sent could never be accepted, nor was it.
_REFUSED_FOR_GOOD = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}


def _json_object(ctx: click.Context, parameter: click.Parameter, value: str | None) -> dict[str, Any] | None:
    if value is None:
        return None
    try:
        parsed = json.loads(value)
    except ValueError as error:
        raise click.BadParameter(f"no JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise click.BadParameter("no JSON object")
    return parsed


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@url_option
@key_option
@click.option("--name", help="A name for the batch.")
@click.option("--metadata", callback=_json_object, help="A JSON object that is kept with the batch.")
@wait_option()
@json_option("the batch (with --wait: and its scans)")
def submit(
    paths: tuple[Path, ...],
    url: str,
    key: str | None,
    name: str | None,
    metadata: dict[str, Any] | None,
    *,
    wait: bool,
    as_json: bool,
) -> ExitCode:
    """Send files, or every file of folders, as one batch.

    A run that was interrupted goes on when it is run again with the same files: it makes no second batch.
    """
    try:
        members = collect(paths)
        check_readable(members)
    except OSError as error:
        raise click.UsageError(str(error)) from error
    if not members:
        raise click.UsageError("These folders hold no file.")
    pending = _take_up(content_of(url, members, name=name, metadata=metadata))
    scans = []
    with Client(url, key=key) as client:
        batch = _known(client, pending) or _send(client, paths, pending, name=name, metadata=metadata)
        if wait:
            with BatchProgressBar(file=sys.stderr) as bar:
                batch = client.wait(batch["id"], on_progress=bar.update)
            scans = list(client.results(batch["id"]))
    if as_json:
        click.echo(json.dumps({**batch, **({"scans": scans} if wait else {})}))
    elif wait:
        print_results(scans, data_dir=None)
        click.echo(f"batch {batch['id']}")
        click.echo(summary(batch))
    else:
        click.echo(batch["id"])
    if pending is not None:
        pending.done()
    return of_batch(batch) if wait else ExitCode.OK


def _take_up(content: str) -> PendingSubmission | None:
    try:
        return take_up(pending_folder(), content)
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home directory
        click.echo(f"This submission cannot be resumed if it is interrupted: {error}", err=True)
        return None


def _known(client: Client, pending: PendingSubmission | None) -> Batch | None:
    """The batch that an interrupted run of this command made, if it is still there and was not cancelled since."""
    if pending is None or pending.batch_id is None:
        return None
    try:
        batch = client.batch(pending.batch_id)
    except RequestRefused as error:
        # A key may submit and not read; what is sent again under the same Idempotency-Key becomes the same batch.
        if error.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}:
            raise
        return None
    if batch["state"] in _CANCELLED:
        click.echo(f"Batch {batch['id']} of the interrupted run was cancelled; this becomes a new one.", err=True)
        pending.begin_anew()
        return None
    click.echo(f"Going on with batch {batch['id']} of the interrupted run.", err=True)
    return batch


def _send(client: Client, paths: Sequence[Path], pending: PendingSubmission | None, **about: Any) -> Batch:
    key = pending.key if pending else None
    try:
        with SendingBar(file=sys.stderr) as bar:
            batch = client.submit(paths, idempotency_key=key, on_progress=bar.update, **about)
    except RequestRefused as error:
        # Other refusals, of the key or the moment, say nothing of an earlier try that may have been accepted.
        if pending is not None and error.status in _REFUSED_FOR_GOOD:
            pending.done()
        raise
    if pending is not None:
        pending.accepted(batch["id"])
    return batch
