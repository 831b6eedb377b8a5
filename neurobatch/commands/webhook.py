"""`neurobatch webhook`: who is told of a batch's end, and what became of the telling."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

import click

from neurobatch.client import Client
from neurobatch.exit_codes import ExitCode
from neurobatch.options import json_option, key_option, url_option
from neurobatch.progress import print_deliveries, print_webhooks

_webhook_argument = click.argument("webhook_id", type=click.UUID, metavar="WEBHOOK")


@click.group()
def webhook() -> None:
    """Have an address called when a batch has come to its end; look at what became of it."""


@webhook.command()
@click.argument("target", metavar="TARGET")
@click.option("--description", help="For people.")
@url_option
@key_option
@json_option("the webhook with its secret")
def add(target: str, description: str | None, url: str, key: str | None, *, as_json: bool) -> ExitCode:
    """Have the URL TARGET called; prints the secret that signs, this once."""
    with Client(url, key=key) as client:
        made = client.add_webhook(target, description=description)
    if as_json:
        click.echo(json.dumps(made))
    else:
        click.echo(f"Webhook {made['id']}; its secret is not shown again:", err=True)
        click.echo(made["secret"])
    return ExitCode.OK


@webhook.command("list")
@url_option
@key_option
@json_option("one webhook a line")
def list_all(url: str, key: str | None, *, as_json: bool) -> ExitCode:
    """List all webhooks, newest first."""
    with Client(url, key=key) as client:
        found = list(client.webhooks())
    if as_json:
        _print_lines(found)
    else:
        print_webhooks(found)
    return ExitCode.OK


@webhook.command()
@_webhook_argument
@url_option
@key_option
def remove(webhook_id: UUID, url: str, key: str | None) -> ExitCode:
    """Remove a webhook and its log."""
    with Client(url, key=key) as client:
        deliveries = client.remove_webhook(str(webhook_id))
    click.echo(f"Removed {webhook_id} with {deliveries} deliveries.", err=True)
    return ExitCode.OK


@webhook.command()
@_webhook_argument
@url_option
@key_option
@json_option("its delivery")
def ping(webhook_id: UUID, url: str, key: str | None, *, as_json: bool) -> ExitCode:
    """Send a ping, to try out the receiver."""
    with Client(url, key=key) as client:
        _show(client.ping_webhook(str(webhook_id)), as_json=as_json)
    return ExitCode.OK


@webhook.command()
@_webhook_argument
@url_option
@key_option
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Deliveries, the newest first.")
@json_option("one delivery a line")
def deliveries(webhook_id: UUID, url: str, key: str | None, limit: int, *, as_json: bool) -> ExitCode:
    """Show the log of a webhook."""
    with Client(url, key=key) as client:
        found = list(islice(client.deliveries(str(webhook_id)), limit))
    if as_json:
        _print_lines(found)
    else:
        print_deliveries(found)
    return ExitCode.OK


@webhook.command()
@_webhook_argument
@click.argument("delivery_id", type=click.UUID, metavar="DELIVERY")
@url_option
@key_option
@json_option("the delivery")
def resend(webhook_id: UUID, delivery_id: UUID, url: str, key: str | None, *, as_json: bool) -> ExitCode:
    """Send a delivery again, now, under the same id."""
    with Client(url, key=key) as client:
        _show(client.resend(str(webhook_id), str(delivery_id)), as_json=as_json)
    return ExitCode.OK


def _show(delivery: Any, *, as_json: bool) -> None:
    if as_json:
        _print_lines([delivery])
    else:
        print_deliveries([delivery])


def _print_lines(documents: Sequence[Mapping[str, Any]]) -> None:
    for document in documents:
        click.echo(json.dumps(document))
