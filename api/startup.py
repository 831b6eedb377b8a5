"""Whether the API may listen where it was told to: beyond this machine only once somebody holds a key."""

from __future__ import annotations

from collections.abc import Iterable
from shlex import quote

from sqlalchemy import Engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from shared.db.models import ApiKey
from shared.db.session import make_engine, reading
from shared.keys import any_key
from shared.settings import Settings, is_loopback


def reason_not_to_listen(settings: Settings, hosts: Iterable[str]) -> str | None:
    """What to do before the API can listen on `hosts`; None if it can.

    A database that does not answer is no reason: nobody gets in then, and it is waited for.
    """
    exposed = [host for host in hosts if not is_loopback(host)]
    if not exposed:
        return None
    engine = make_engine(settings.sql_url)
    try:
        if _has_key(engine):
            return None
    except SQLAlchemyError:
        return None
    finally:
        engine.dispose()
    return (
        f"Other machines can reach {exposed[0] or 'this address'}, and nobody holds an API key yet. "
        f"Make one first:\n    {how_to_make_a_key(settings)}\n"
        "or serve this machine alone, where none is needed: NEUROBATCH_HOST=127.0.0.1"
    )


def how_to_make_a_key(settings: Settings) -> str:
    """The command that makes a key for this service."""
    place = "" if settings.database_url else f" --data-dir {quote(str(settings.data_dir))}"
    return f"neurobatch admin create-key --project NAME --scopes submit,read{place}"


def _has_key(engine: Engine) -> bool:
    if not inspect(engine).has_table(ApiKey.__tablename__):
        return False
    with reading(engine) as session:
        return any_key(session)
