"""`neurobatch up`: the whole service on this machine until Ctrl-C."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

from api.startup import how_to_make_a_key
from neurobatch.options import data_dir_option
from neurobatch.service import ServiceError, running_service
from shared.observability import configure_logging
from shared.settings import load_settings

_TEND_EVERY_S = 0.2


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the API; 0 takes a free one.")
@data_dir_option
def up(port: int | None, data_dir: Path | None) -> None:
    """Serve until Ctrl-C; whatever part dies is started again."""
    settings = load_settings()
    configure_logging(settings.log_level)
    chosen = {"port": port, "data_dir": data_dir.resolve() if data_dir else None}
    settings = settings.model_copy(update={k: v for k, v in chosen.items() if v is not None})
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with running_service(settings) as service:
            service.wait_until_ready()
            click.echo(f"neurobatch serves at {service.url}; data in {settings.data_dir}; Ctrl-C stops it.")
            if settings.keys_required:
                click.echo(f"It asks for API keys; {how_to_make_a_key(settings)} makes one.")
            while not stop.wait(_TEND_EVERY_S):
                service.group.tend()
            click.echo("Stopping …")
    except ServiceError as error:
        raise click.ClickException(str(error)) from error
