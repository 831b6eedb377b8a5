"""The audit trail: complete, without patient data, and not to be changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, delete, select, text, update
from sqlalchemy.exc import DBAPIError

from shared.db.models import AuditEntry
from shared.db.session import reading, transaction
from shared.domain import ScanState
from tests.integration.keys import key_id, make_key, with_key
from tests.integration.submissions import finish, submit, upload


def entries(engine: Engine) -> list[AuditEntry]:
    with reading(engine) as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


def test_what_is_done_to_a_batch_is_told_and_outlives_it(
    client_with: Callable[..., FlaskClient], engine: Engine
) -> None:
    key = make_key(engine, "p")
    client = with_key(client_with(require_keys=True), key)
    answer = submit(client, upload("secret.png"), upload("b.png"), name="secret", metadata='{"patient": "secret"}')
    location = answer.headers["Location"]
    batch = Path(location).name
    ids = [UUID(scan["id"]) for scan in client.get(location + "/scans").get_json()["items"]]
    finish(engine, ids[:1], ScanState.FAILED)
    client.post(location + "/retry")
    client.post(location + "/cancel")
    client.post(location + "/cancel")
    client.delete(location)
    told = [entry for entry in entries(engine) if entry.subject == batch]
    assert [(entry.action, entry.count) for entry in told] == [
        ("batch.submitted", 2),
        ("scan.retried", 1),
        ("batch.cancelled", 2),
        ("batch.deleted", 2),
    ]
    assert {(entry.actor, entry.project) for entry in told} == {(key_id(key), "p")}
    assert told[0].request_id == answer.headers["X-Request-ID"]
    assert "secret" not in str([vars(entry) for entry in entries(engine)])


def test_the_local_callers_are_told_as_such(client: FlaskClient, engine: Engine) -> None:
    submit(client, upload("a.png"))
    assert [(entry.actor, entry.project) for entry in entries(engine)] == [("local", "local")]


def test_the_trail_is_listed_newest_first_in_pages_of_the_projects_own(
    client_with: Callable[..., FlaskClient], engine: Engine
) -> None:
    client = client_with(require_keys=True)
    admin = with_key(client, make_key(engine, "p"))
    other = with_key(client, make_key(engine, "q"))
    for _ in range(3):
        submit(admin, upload("a.png"))
    submit(other, upload("a.png"))
    first = admin.get("/v1/audit?limit=3").get_json()
    second = admin.get(f"/v1/audit?limit=3&cursor={first['next']}").get_json()
    assert [entry["action"] for entry in first["items"]] == ["batch.submitted"] * 3
    assert [entry["action"] for entry in second["items"]] == ["key.created"]
    assert second["next"] is None
    assert len(other.get("/v1/audit").get_json()["items"]) == 2


def test_a_refused_submission_is_not_told(client: FlaskClient, engine: Engine) -> None:
    submit(client, upload("a.png"), metadata="[")
    assert entries(engine) == []


@pytest.mark.parametrize(
    "change",
    [
        update(AuditEntry).values(actor="somebody else"),
        delete(AuditEntry),
        text("DELETE FROM audit"),
        text("UPDATE audit SET id = id"),
    ],
    ids=str,
)
def test_an_entry_can_be_neither_changed_nor_removed(client: FlaskClient, engine: Engine, change: object) -> None:
    submit(client, upload("a.png"))
    before = [vars(entry) for entry in entries(engine)]
    with pytest.raises(DBAPIError, match="append-only"), transaction(engine) as session:
        session.execute(change)  # type: ignore[call-overload]
    assert len(entries(engine)) == len(before) == 1


def test_an_entry_cannot_be_replaced_or_all_of_them_emptied(client: FlaskClient, engine: Engine) -> None:
    submit(client, upload("a.png"))
    tricks = {
        "sqlite": "INSERT OR REPLACE INTO audit (id, at, actor, action) SELECT id, at, 'x', action FROM audit",
        "postgresql": "TRUNCATE audit",
    }
    with pytest.raises(DBAPIError, match="append-only"), transaction(engine) as session:
        session.execute(text(tricks[engine.dialect.name]))
    assert [entry.actor for entry in entries(engine)] == ["local"]
