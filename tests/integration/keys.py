"""Keys for tests: made as the command makes them."""

from __future__ import annotations

from flask.testing import FlaskClient
from sqlalchemy import Engine

from shared import keys
from shared.clock import utc_now
from shared.db.session import transaction
from shared.keys import Scope


def make_key(engine: Engine, project: str, *scopes: Scope) -> str:
    """A key of a project, with all scopes where none is named."""
    with transaction(engine) as session:
        _, key = keys.create_key(session, project=project, scopes=scopes or tuple(Scope), now=utc_now(), actor="test")
    return key


def revoke(engine: Engine, key: str) -> None:
    with transaction(engine) as session:
        keys.revoke_key(session, key_id(key), now=utc_now(), actor="test")


def key_id(key: str) -> str:
    return key.split("_")[1]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def with_key(client: FlaskClient, key: str) -> FlaskClient:
    """Another client of the same application that sends a key with each request."""
    keyed = client.application.test_client()
    keyed.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    return keyed
