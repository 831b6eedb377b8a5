"""Who gets in: keys, their end, and whoever calls a service that asks for none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, update

from shared.clock import utc_now
from shared.db.models import ApiKey, AuditEntry
from shared.db.session import reading, transaction
from shared.errors import Unauthorized
from shared.settings import Settings
from tests.integration.keys import bearer, key_id, make_key, revoke, with_key
from tests.integration.submissions import submit, submit_many, upload
from tests.integration.test_api import assert_problem

BATCHES = "/v1/batches"


@pytest.fixture
def keyed(client_with: Callable[..., FlaskClient]) -> FlaskClient:
    """A client without a key of a service that asks for one."""
    return client_with(require_keys=True, key_cache_s=0)


def test_a_key_is_stored_as_its_hash_alone(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    key = make_key(engine, "p")
    secret = key.split("_")[2]
    assert len(bytes.fromhex(secret)) == 32
    with reading(engine) as session:
        (row,) = session.scalars(select(ApiKey)).all()
    assert all(secret not in str(value) for value in vars(row).values())
    assert not [path for path in tmp_path.glob("*.db*") if secret.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer nonsense", "Bearer nb_000000000000_" + "0" * 64, "Basic {key}", "{key}", "Bearer {wrong}", ""],
)
def test_what_is_no_key_is_401(keyed: FlaskClient, engine: Engine, header: str) -> None:
    key = make_key(engine, "p")
    wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
    answer = keyed.get(BATCHES, headers={"Authorization": header.format(key=key, wrong=wrong)})
    assert_problem(answer, 401, "key_invalid")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="neurobatch", error="invalid_token"'
    assert keyed.get(BATCHES, headers=bearer(key)).status_code == 200


def test_a_revoked_key_is_refused(keyed: FlaskClient, engine: Engine) -> None:
    key = make_key(engine, "p")
    assert keyed.get(BATCHES, headers=bearer(key)).status_code == 200
    revoke(engine, key)
    assert_problem(keyed.get(BATCHES, headers=bearer(key)), 401, "key_invalid")


def test_a_revoked_key_is_remembered_no_longer_than_the_setting_says(
    client_with: Callable[..., FlaskClient], engine: Engine
) -> None:
    client = client_with(require_keys=True, key_cache_s=3600)
    key = make_key(engine, "p")
    assert client.get(BATCHES, headers=bearer(key)).status_code == 200
    revoke(engine, key)
    assert client.get(BATCHES, headers=bearer(key)).status_code == 200
    assert client_with(require_keys=True, key_cache_s=0).get(BATCHES, headers=bearer(key)).status_code == 401


def test_an_open_event_stream_ends_with_its_key(keyed: FlaskClient, engine: Engine) -> None:
    key = make_key(engine, "p")
    location, _ = submit_many(with_key(keyed, key), 1)
    with keyed.get(location + "/events", headers=bearer(key), buffered=False) as response:
        lines = cast(Iterable[bytes], response.response)
        assert next(iter(lines)) == b"retry: 1000\n\n"
        revoke(engine, key)
        assert b"done" not in b"".join(lines)


@pytest.mark.parametrize("table", ["results.csv", "results.jsonl"])
def test_an_export_breaks_off_with_its_key(
    keyed: FlaskClient, engine: Engine, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    """By an error: had it just ended, what came so far would look like all there is."""
    monkeypatch.setattr("api.scan_queries._STREAM_PAGE", 1)
    key = make_key(engine, "p")
    location, _ = submit_many(with_key(keyed, key), 3)
    with keyed.get(f"{location}/{table}", headers=bearer(key), buffered=False) as response:
        lines = iter(cast(Iterable[bytes], response.response))
        next(lines)
        revoke(engine, key)
        with pytest.raises(Unauthorized):
            list(lines)


def test_when_a_key_was_last_used_is_known_to_the_hour(keyed: FlaskClient, engine: Engine) -> None:
    key = make_key(engine, "p")

    def last_used() -> object:
        with reading(engine) as session:
            return session.scalar(select(ApiKey.last_used_at))

    assert last_used() is None
    keyed.get(BATCHES, headers=bearer(key))
    this_hour = utc_now().replace(minute=0, second=0, microsecond=0)
    assert last_used() in (this_hour, this_hour - timedelta(hours=1))
    with transaction(engine) as session:
        session.execute(update(ApiKey).values(last_used_at=this_hour - timedelta(hours=3)))
    keyed.get(BATCHES, headers=bearer(key))
    assert last_used() != this_hour - timedelta(hours=3)


def test_without_keys_whoever_is_on_this_machine_has_the_local_project(client: FlaskClient, engine: Engine) -> None:
    local, _ = submit_many(client, 1)
    other = with_key(client, make_key(engine, "p"))
    assert other.get(local).status_code == 404, "a key that is sent counts, asked for or not"
    assert with_key(client, make_key(engine, "local")).get(local).status_code == 200
    assert_problem(client.get(local, headers=bearer("nonsense")), 401, "key_invalid")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.9.1", "LOCALHOST"])
def test_loopback_addresses_need_no_key(client_with: Callable[..., FlaskClient], host: str) -> None:
    assert client_with(host=host).get(BATCHES).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.1", "example.org", "localhost.example.org"])
def test_all_other_addresses_need_one(client_with: Callable[..., FlaskClient], host: str) -> None:
    assert_problem(client_with(host=host).get(BATCHES), 401, "key_missing")


@pytest.mark.parametrize(
    "environment",
    [
        {"REMOTE_ADDR": "10.0.0.7"},
        {"REMOTE_ADDR": ""},
        {"HTTP_X_FORWARDED_FOR": "10.0.0.7"},
        {"HTTP_FORWARDED": "for=10.0.0.7"},
    ],
    ids=str,
)
def test_who_comes_from_elsewhere_needs_a_key_whatever_the_settings_say(
    client: FlaskClient, engine: Engine, environment: dict[str, str]
) -> None:
    assert_problem(client.get(BATCHES, environ_overrides=environment), 401, "key_missing")
    key = bearer(make_key(engine, "p"))
    assert client.get(BATCHES, environ_overrides=environment, headers=key).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example", "10.0.0.1", "[", ""])
def test_a_rebound_name_is_refused_without_keys(client: FlaskClient, engine: Engine, host: str) -> None:
    for answer in (client.get(BATCHES, headers={"Host": host}), client.post(BATCHES, headers={"Host": host})):
        assert_problem(answer, 421, "misdirected_request")
    assert client.get(BATCHES, headers={"Host": host, **bearer(make_key(engine, "p"))}).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_loopback_names_are_served(client: FlaskClient, host: str) -> None:
    assert client.get(BATCHES, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "null"},
    ],
    ids=str,
)
def test_a_page_from_elsewhere_may_change_nothing(client: FlaskClient, headers: dict[str, str]) -> None:
    location, _ = submit_many(client, 1)
    for path, method in ((BATCHES, "POST"), (location + "/cancel", "POST"), (location, "DELETE")):
        assert_problem(client.open(path, method=method, headers=headers), 403, "cross_site_request")
    assert client.get(location).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}, {"Sec-Fetch-Site": "none"}, {}],
    ids=str,
)
def test_our_own_page_may(client: FlaskClient, headers: dict[str, str]) -> None:
    assert submit(client, upload("a.png"), headers=headers).status_code == 202


def test_refused_keys_are_told_to_the_audit_trail_coarsely(keyed: FlaskClient, engine: Engine) -> None:
    key = make_key(engine, "p")
    for _ in range(5):
        keyed.get(BATCHES, headers=bearer(key[:-4] + "0000"))
    with reading(engine) as session:
        (told,) = session.scalars(select(AuditEntry).where(AuditEntry.action == "login.refused")).all()
    assert (told.actor, told.subject, told.count) == ("nobody", key_id(key), 1)
    admin = with_key(keyed, make_key(engine, "p"))
    assert "neurobatch_refused_logins 1.0" in admin.get("/metrics").text
