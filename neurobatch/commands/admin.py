"""`neurobatch admin`: API keys and the audit trail, straight from the database.

Whoever can read the settings can read the database, so these commands ask for no key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from neurobatch.database import check_file, check_revision
from neurobatch.options import data_dir_option, json_option
from shared import keys
from shared.audit import COMMAND, list_entries
from shared.clock import utc_now
from shared.db.models import ApiKey, AuditEntry
from shared.db.revision import current_revision
from shared.db.session import make_engine, reading, transaction
from shared.errors import NeurobatchError
from shared.keys import Scope
from shared.settings import load_settings

_ALEMBIC = Path(__file__).resolve().parents[2] / "alembic.ini"


@click.group()
def admin() -> None:
    """Make, list and revoke API keys; read the audit trail."""


def _scopes(ctx: click.Context, parameter: click.Parameter, value: str) -> list[Scope]:
    try:
        return [Scope(word.strip()) for word in value.split(",")]
    except ValueError as error:
        raise click.BadParameter(f"{error}; there are {', '.join(Scope)}") from error


@admin.command("create-key")
@click.option("--project", required=True, help="Whose batches the key is for; keys of one project share them.")
@click.option("--scopes", default="submit,read", show_default=True, callback=_scopes, help="Of submit, read and admin.")
@click.option("--if-none", is_flag=True, help="Make one only where nobody holds a key yet.")
@data_dir_option
def create_key(project: str, scopes: list[Scope], data_dir: Path | None, *, if_none: bool) -> None:
    """Make a key and print it, this once: only its hash is kept."""
    with _database(data_dir, may_be_new=True) as engine, transaction(engine) as session:
        if if_none and keys.any_key(session):
            click.echo("There is a key already.", err=True)
            return
        _, key = keys.create_key(session, project=project, scopes=scopes, now=utc_now(), actor=COMMAND)
    click.echo(f"A key for {project} to {', '.join(scopes)}; it is not shown again:", err=True)
    click.echo(key)


@admin.command("list-keys")
@json_option("one key a line")
@data_dir_option
def list_keys(data_dir: Path | None, *, as_json: bool) -> None:
    """List all keys, the revoked ones too; never the keys themselves."""
    with _database(data_dir) as engine, reading(engine) as session:
        found = [_key_document(key) for key in keys.list_keys(session)]
    _print(found, as_json=as_json)


@admin.command("revoke-key")
@click.argument("key_id", metavar="ID")
@data_dir_option
def revoke_key(key_id: str, data_dir: Path | None) -> None:
    """End a key, for good; the service refuses it within NEUROBATCH_KEY_CACHE_S seconds."""
    with _database(data_dir) as engine, transaction(engine) as session:
        key = keys.revoke_key(session, key_id, now=utc_now(), actor=COMMAND)
    click.echo(f"Revoked {key.id} of {key.project}.")


@admin.command("audit")
@click.option("--project", help="Only of this project.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Entries, the newest first.")
@json_option("one entry a line")
@data_dir_option
def audit(project: str | None, limit: int, data_dir: Path | None, *, as_json: bool) -> None:
    """Show who did what to which id, in all projects."""
    with _database(data_dir) as engine, reading(engine) as session:
        found = [_entry_document(entry) for entry in list_entries(session, project=project, limit=limit)]
    _print(found, as_json=as_json)


@contextmanager
def _database(data_dir: Path | None, *, may_be_new: bool = False) -> Iterator[Engine]:
    """The database of the settings; `may_be_new`: it is set up, so that a key can be there before the service is."""
    settings = load_settings()
    if data_dir is not None:
        settings = settings.model_copy(update={"data_dir": data_dir.resolve()})
    engine = make_engine(settings.sql_url)
    try:
        if may_be_new:
            settings.data_dir.mkdir(parents=True, exist_ok=True)
        else:
            check_file(engine)
        _require_head(engine)
        yield engine
    except NeurobatchError as error:
        raise click.ClickException(error.message) from error
    finally:
        engine.dispose()


def _require_head(engine: Engine) -> None:
    with engine.begin() as connection:
        if current_revision(connection) is None:
            config = Config(str(_ALEMBIC))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        else:
            check_revision(connection)


def _key_document(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "project": key.project,
        "scopes": ",".join(key.scopes),
        "created_at": _time(key.created_at),
        "last_used_at": _time(key.last_used_at),
        "revoked_at": _time(key.revoked_at),
    }


def _entry_document(entry: AuditEntry) -> dict[str, object]:
    return {
        "at": _time(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "project": entry.project,
        "subject": entry.subject,
        "count": entry.count,
        "request_id": entry.request_id,
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _print(documents: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    for document in documents:
        values = ("-" if value is None else str(value) for value in document.values())
        click.echo(json.dumps(document) if as_json else "  ".join(values))
