"""A receiver on loopback, a client that may name it, and the delivering side."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from shared.settings import Settings
from tests.integration.receivers import Receiver, receiving
from tests.integration.webhooks.relays import Relays


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def client(client_with: Callable[..., FlaskClient]) -> FlaskClient:
    return client_with(webhook_private_targets=True)


@pytest.fixture
def relays(engine: Engine, make_settings: Callable[..., Settings]) -> Relays:
    return Relays(engine, make_settings)
