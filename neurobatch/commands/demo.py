"""`neurobatch demo`: the whole service once, on one batch, shown as it goes."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from neurobatch.client import Client
from neurobatch.documents import Batch
from neurobatch.exit_codes import ExitCode, of_batch
from neurobatch.options import data_dir_option
from neurobatch.phantoms import write_demo_scans
from neurobatch.progress import BatchProgressBar, print_results, summary
from neurobatch.service import ServiceError, running_service
from shared.audit import COMMAND
from shared.clock import utc_now
from shared.db.session import make_engine, transaction
from shared.keys import Scope, create_key, revoke_key
from shared.observability import configure_logging
from shared.settings import Settings, load_settings

_GIVE_UP_AFTER_S = 3600.0


@click.command()
@click.option(
    "--scans",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of scans; without it, synthetic ones are drawn.",
)
@click.option("--key", help="API key of the service in --data-dir; by default one of its own, for as long as it runs.")
@data_dir_option
def demo(scans: Path | None, key: str | None, data_dir: Path | None) -> ExitCode:
    """Start everything, submit one batch, show its results and stop."""
    settings = load_settings().model_copy(update={"host": "127.0.0.1", "port": 0})
    if data_dir is not None:
        settings = settings.model_copy(update={"data_dir": data_dir.resolve()})
    configure_logging("WARNING")
    try:
        with (
            tempfile.TemporaryDirectory(prefix="neurobatch-demo-") as drawn,
            running_service(settings) as service,
        ):
            folder = scans or write_demo_scans(Path(drawn))
            service.wait_until_ready()
            click.echo(f"The service runs at {service.url}; its data and logs are in {settings.data_dir}.")
            with (
                _key(settings, key) as own,
                Client(service.url, key=own) as client,
                BatchProgressBar(file=sys.stdout) as bar,
            ):
                accepted = client.submit([folder], name="demo")

                def look(batch: Batch) -> None:
                    service.group.tend()
                    bar.update(batch)

                batch = client.wait(accepted["id"], on_progress=look, timeout_s=_GIVE_UP_AFTER_S)
                results = list(client.scans(accepted["id"]))
    except ServiceError as error:
        raise click.ClickException(str(error)) from error
    print_results(results, data_dir=settings.data_dir)
    click.echo("For research only; not a medical device.")
    click.echo(summary(batch))
    return of_batch(batch)


@contextmanager
def _key(settings: Settings, given: str | None) -> Iterator[str]:
    """A key for the demo alone where one is asked for and none was given.

    The one in the user's environment is of another service.
    """
    if given or not settings.keys_required:
        yield given or ""
        return
    engine = make_engine(settings.sql_url)
    try:
        with transaction(engine) as session:
            scopes = (Scope.SUBMIT, Scope.READ)
            key_id, key = create_key(session, project="demo", scopes=scopes, now=utc_now(), actor=COMMAND)
        try:
            yield key
        finally:
            with transaction(engine) as session:
                revoke_key(session, key_id, now=utc_now(), actor=COMMAND)
    finally:
        engine.dispose()
