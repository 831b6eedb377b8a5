"""`neurobatch reconcile`: one sweep of the reconciler, now."""

from __future__ import annotations

from pathlib import Path

import click

from neurobatch.database import check_file, check_revision
from neurobatch.options import data_dir_option
from shared.broker import make_celery
from shared.clock import utc_now
from shared.db.session import make_engine
from shared.dispatch import dispatch_quietly
from shared.observability import configure_logging
from shared.settings import load_settings
from worker.reconciler import Reconciler


@click.command()
@data_dir_option
def reconcile(data_dir: Path | None) -> None:
    """Give back lost claims, publish lost messages again, remove files without a row; a relay may run meanwhile.

    A lease that has run out by this machine's clock counts as lost at once, so the clock has to be right.
    """
    settings = load_settings()
    if data_dir is not None:
        settings = settings.model_copy(update={"data_dir": data_dir.resolve()})
    configure_logging(settings.log_level)
    engine, celery = make_engine(settings.sql_url), make_celery(settings)
    reconciler = Reconciler(settings, engine, silence_s=0)
    try:
        check_file(engine)
        with engine.connect() as connection:
            check_revision(connection)
        done = {"claims released": reconciler.release_lost(), **reconciler.sweep()}
        dispatch_quietly(engine, celery, clock=utc_now, chunk_size=settings.chunk_size)
    finally:
        reconciler.close()
        celery.close()
        engine.dispose()
    for name, count in done.items():
        click.echo(f"{name}: {count}")
