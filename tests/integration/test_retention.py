"""Batches whose time is over go, with all that was theirs; the others stay."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select

from shared import presence
from shared.artifacts import LocalArtifactStore
from shared.broker import make_celery
from shared.clock import utc_now
from shared.db import models
from shared.db.session import reading
from shared.domain import ScanState
from shared.settings import Settings
from tests.integration.brokers import everything_in
from tests.integration.keys import make_key
from tests.integration.submissions import finish, submit, submit_many, upload
from worker.relay import Relay
from worker.retention import remove_expired

IN_A_WEEK = timedelta(days=7, minutes=1)


@pytest.fixture
def expire(engine: Engine, settings: Settings) -> Callable[..., int]:
    """Looks once for what has expired, after a while."""

    def look(after: timedelta = IN_A_WEEK, retention_days: float = 7) -> int:
        store = LocalArtifactStore(settings.data_dir)
        with closing(presence.connect(settings)) as broker:
            return remove_expired(engine, store, broker, clock=lambda: utc_now() + after, retention_days=retention_days)

    return look


def test_an_expired_batch_leaves_nothing_but_its_trail(
    client: FlaskClient, engine: Engine, settings: Settings, expire: Callable[..., int]
) -> None:
    location = submit(client, upload("a.png"), headers={"Idempotency-Key": "k"}).headers["Location"]
    batch = Path(location).name
    ids = [UUID(scan["id"]) for scan in client.get(location + "/scans").get_json()["items"]]
    finish(engine, ids)
    LocalArtifactStore(settings.data_dir).write(f"artifacts/{batch}/x", b"x")
    assert everything_in(settings) & {str(scan_id) for scan_id in ids}, "nobody has taken its message yet"
    assert expire() == 1
    assert not everything_in(settings) & {str(scan_id) for scan_id in ids}
    with reading(engine) as session:
        for table in (models.Batch, models.Scan, models.Prediction, models.Attempt, models.Event):
            assert session.scalar(select(func.count()).select_from(table)) == 0, table
        assert session.scalar(select(func.count()).select_from(models.IdempotencyKey)) == 0
        last = session.scalars(select(models.AuditEntry).order_by(models.AuditEntry.id.desc()).limit(1)).one()
    assert (last.action, last.actor, last.project, last.subject) == ("retention.removed", "retention", "local", batch)
    assert not [path for path in settings.data_dir.rglob("*") if batch in str(path)]


def test_what_is_young_or_unfinished_stays(client: FlaskClient, engine: Engine, expire: Callable[..., int]) -> None:
    waiting, _ = submit_many(client, 1)
    finished, ids = submit_many(client, 1)
    finish(engine, ids, ScanState.REJECTED)
    assert expire(after=timedelta(days=6)) == 0
    assert expire(retention_days=0) == 0
    assert expire() == 1
    assert client.get(waiting).status_code == 200
    assert client.get(finished).status_code == 404
    assert expire() == 0


def test_a_look_is_bounded_and_the_rest_goes_next(
    client: FlaskClient, engine: Engine, expire: Callable[..., int]
) -> None:
    for _ in range(12):
        _, ids = submit_many(client, 1)
        finish(engine, ids, ScanState.REJECTED)
    assert [expire(), expire(), expire()] == [10, 2, 0]


def test_the_relay_looks_for_what_has_expired(
    client_with: Callable[..., FlaskClient], engine: Engine, make_settings: Callable[..., Settings]
) -> None:
    browser = client_with(require_keys=True)
    browser.post("/v1/session", json={"key": make_key(engine, "p")})
    _, ids = submit_many(client_with(), 1)
    finish(engine, ids, ScanState.REJECTED)
    settings = make_settings(retention_days=7)
    relay = Relay(settings, engine, make_celery(settings), clock=lambda: utc_now() + IN_A_WEEK)
    assert relay.turn()
    relay.leave()
    with reading(engine) as session:
        for table in (models.Batch, models.BrowserSession):
            assert session.scalar(select(func.count()).select_from(table)) == 0, table


def test_a_batch_says_when_it_expires(client_with: Callable[..., FlaskClient]) -> None:
    kept = submit(client_with(), upload("a.png")).get_json()
    assert kept["expires_at"] is None
    batch = client_with(retention_days=7).get(f"/v1/batches/{kept['id']}").get_json()
    lifetime = datetime.fromisoformat(batch["expires_at"]) - datetime.fromisoformat(batch["created_at"])
    assert lifetime == timedelta(days=7)
