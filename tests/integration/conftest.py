"""An API client over a fresh database, for the tests of the API's parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.services import Services
from shared.settings import Settings


@pytest.fixture
def client_with(make_settings: Callable[..., Settings]) -> Iterator[Callable[..., FlaskClient]]:
    """Makes clients of applications with some settings changed."""
    opened: list[Services] = []

    def make(**changes: object) -> FlaskClient:
        app = create_app(make_settings(**changes))
        opened.append(app.extensions[Services.EXTENSION])
        return app.test_client()

    yield make
    for services in opened:
        services.close()


@pytest.fixture
def client(client_with: Callable[..., FlaskClient]) -> FlaskClient:
    """A client of an application with this test's settings."""
    return client_with()
