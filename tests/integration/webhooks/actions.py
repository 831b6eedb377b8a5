"""What tests of webhooks do through the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import Engine

from tests.integration.submissions import finish, submit_many


def add(client: FlaskClient, url: str, **more: Any) -> dict[str, Any]:
    answer = client.post("/v1/webhooks", json={"url": url, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.get_json()
    return made


def log_of(client: FlaskClient, webhook: dict[str, Any]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.get(f"/v1/webhooks/{webhook['id']}/deliveries").get_json()["items"]
    return items


def finish_batch(client: FlaskClient, engine: Engine, count: int = 2) -> str:
    """Submit a batch and bring it to its end; its id."""
    location, ids = submit_many(client, count)
    finish(engine, ids)
    return Path(location).name
