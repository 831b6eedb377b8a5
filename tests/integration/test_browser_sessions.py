"""A browser signs in once; its cookie then does what the key may, and nothing that another site's page asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, cast

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select, update
from werkzeug.test import TestResponse

from api.browser_sessions import COOKIE, csrf_token, digest
from shared.clock import utc_now
from shared.db.models import AuditEntry, BrowserSession
from shared.db.session import reading, transaction
from shared.keys import Scope
from tests.integration.keys import bearer, key_id, make_key, revoke
from tests.integration.submissions import submit, submit_many, upload
from tests.integration.test_api import assert_problem
from worker.retention import remove_ended_sessions

SESSION, BATCHES = "/v1/session", "/v1/batches"


@pytest.fixture
def browser(client_with: Callable[..., FlaskClient]) -> FlaskClient:
    """A browser at a service that asks for keys."""
    return client_with(require_keys=True, key_cache_s=0)


def sign_in(browser: FlaskClient, key: str, **headers: str) -> TestResponse:
    return browser.post(SESSION, json={"key": key}, headers={name.replace("_", "-"): v for name, v in headers.items()})


def shown(browser: FlaskClient) -> dict[str, Any]:
    document: dict[str, Any] = browser.get(SESSION).get_json()
    return document


def token_of(browser: FlaskClient) -> str:
    cookie = browser.get_cookie(COOKIE)
    assert cookie is not None
    return str(cookie.value)


def sessions(engine: Engine) -> int:
    with reading(engine) as session:
        return session.scalar(select(func.count()).select_from(BrowserSession)) or 0


def test_a_browser_signs_in_reads_changes_and_signs_out(browser: FlaskClient, engine: Engine) -> None:
    nobody = shown(browser)
    assert nobody == {"key_required": True, "signed_in": False, "project": None, "scopes": [], "csrf_token": None}
    assert_problem(browser.get(BATCHES), 401, "key_missing")
    answer = sign_in(browser, make_key(engine, "p", Scope.READ, Scope.SUBMIT))
    assert (answer.status_code, answer.data) == (204, b"")
    signed_in = shown(browser)
    assert signed_in | {"csrf_token": ""} == {
        "key_required": True,
        "signed_in": True,
        "project": "p",
        "scopes": ["read", "submit"],
        "csrf_token": "",
    }
    forged = {"X-CSRF-Token": signed_in["csrf_token"]}
    location = submit(browser, upload("a.png"), headers=forged).headers["Location"]
    assert browser.get(location).get_json()["total"] == 1
    scan = browser.get(location + "/scans").get_json()["items"][0]["id"]
    assert browser.get(f"/v1/scans/{scan}/image").mimetype == "image/png"
    assert_problem(browser.get("/v1/audit"), 403, "scope_missing")
    assert_problem(browser.delete(SESSION), 403, "csrf_token_missing")
    gone = browser.delete(SESSION, headers=forged)
    assert (gone.status_code, browser.get_cookie(COOKIE)) == (204, None)
    assert shown(browser) == nobody
    assert sessions(engine) == 0


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(browser: FlaskClient, engine: Engine) -> None:
    key = make_key(engine, "p")
    cookie = sign_in(browser, key).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert "Secure" in sign_in(browser, key, X_Forwarded_Proto="https").headers["Set-Cookie"]
    secure = browser.post(SESSION, json={"key": key}, base_url="https://localhost")
    assert "Secure" in secure.headers["Set-Cookie"]


def test_a_setting_keeps_the_cookie_to_https(client_with: Callable[..., FlaskClient], engine: Engine) -> None:
    browser = client_with(require_keys=True, session_cookie_secure=True, session_hours=1)
    cookie = sign_in(browser, make_key(engine, "p")).headers["Set-Cookie"]
    assert {"Secure", "Max-Age=3600"} <= set(cookie.split("; "))


def test_of_the_token_its_hash_alone_is_kept(browser: FlaskClient, engine: Engine) -> None:
    key = make_key(engine, "p")
    sign_in(browser, key)
    with reading(engine) as session:
        (row,) = session.scalars(select(BrowserSession)).all()
    assert (row.token_sha256, row.key_id) == (digest(token_of(browser)), key_id(key))
    assert row.last_used_at.minute == 0
    assert timedelta(hours=12) - timedelta(minutes=1) < row.expires_at - utc_now() <= timedelta(hours=12)


def test_signing_in_again_ends_the_session_before(browser: FlaskClient, engine: Engine) -> None:
    sign_in(browser, make_key(engine, "p"))
    first = token_of(browser)
    sign_in(browser, make_key(engine, "q"))
    assert (token_of(browser) != first, sessions(engine), shown(browser)["project"]) == (True, 1, "q")


def test_a_change_needs_the_token_of_this_session(browser: FlaskClient, engine: Engine) -> None:
    key = make_key(engine, "p")
    other = browser.application.test_client()
    sign_in(other, key)
    sign_in(browser, key)
    location, _ = submit_many_signed_in(browser)
    for path, method in ((BATCHES, "POST"), (location + "/cancel", "POST"), (location, "DELETE")):
        assert_problem(browser.open(path, method=method), 403, "csrf_token_missing")
        for wrong in (csrf_token(token_of(other)), "", "ü", token_of(browser)):
            headers = {"X-CSRF-Token": wrong}
            assert_problem(browser.open(path, method=method, headers=headers), 403, "csrf_token_wrong")
    assert browser.get(location).get_json()["state"] == "queued"


def submit_many_signed_in(browser: FlaskClient) -> tuple[str, list[Any]]:
    browser.environ_base["HTTP_X_CSRF_TOKEN"] = shown(browser)["csrf_token"]
    try:
        return submit_many(browser, 1)
    finally:
        del browser.environ_base["HTTP_X_CSRF_TOKEN"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
    ids=str,
)
def test_another_sites_page_may_change_nothing_not_even_sign_in(
    browser: FlaskClient, engine: Engine, headers: dict[str, str]
) -> None:
    key = make_key(engine, "p")
    assert_problem(browser.post(SESSION, json={"key": key}, headers=headers), 403, "cross_site_request")
    sign_in(browser, key)
    with_token = {"X-CSRF-Token": shown(browser)["csrf_token"], **headers}
    assert_problem(browser.post(BATCHES, headers=with_token), 403, "cross_site_request")
    assert_problem(browser.delete(SESSION, headers=with_token), 403, "cross_site_request")
    assert shown(browser)["signed_in"]


@pytest.mark.parametrize("origin", ["http://localhost", "https://localhost"])
def test_our_own_page_may_also_behind_a_proxy_that_speaks_https(
    browser: FlaskClient, engine: Engine, origin: str
) -> None:
    sign_in(browser, make_key(engine, "p"))
    headers = {"X-CSRF-Token": shown(browser)["csrf_token"], "Origin": origin}
    assert submit(browser, upload("a.png"), headers=headers).status_code == 202


def test_a_revoked_key_ends_its_sessions(browser: FlaskClient, engine: Engine) -> None:
    key = make_key(engine, "p")
    sign_in(browser, key)
    assert browser.get(BATCHES).status_code == 200
    revoke(engine, key)
    assert_problem(browser.get(BATCHES), 401, "session_ended")
    assert not shown(browser)["signed_in"]
    assert_problem(sign_in(browser, key), 401, "key_invalid")


def test_a_session_ends_by_itself_and_its_row_is_swept(browser: FlaskClient, engine: Engine) -> None:
    sign_in(browser, make_key(engine, "p"))
    assert remove_ended_sessions(engine, clock=utc_now) == 0
    with transaction(engine) as session:
        session.execute(update(BrowserSession).values(expires_at=utc_now()))
    assert_problem(browser.get(BATCHES), 401, "session_ended")
    assert remove_ended_sessions(engine, clock=utc_now) == 1
    assert sessions(engine) == 0


def test_when_it_was_last_used_is_known_to_the_hour(browser: FlaskClient, engine: Engine) -> None:
    sign_in(browser, make_key(engine, "p"))
    long_ago = utc_now() - timedelta(hours=5)
    with transaction(engine) as session:
        session.execute(update(BrowserSession).values(last_used_at=long_ago))
    browser.get(BATCHES)
    with reading(engine) as session:
        used = session.scalars(select(BrowserSession.last_used_at)).one()
    assert used.minute == 0
    assert utc_now() - used < timedelta(hours=1, minutes=1)


@pytest.mark.parametrize("ending", ["sign out", "revoke"])
def test_an_open_event_stream_ends_with_its_session(browser: FlaskClient, engine: Engine, ending: str) -> None:
    key = make_key(engine, "p")
    sign_in(browser, key)
    location, _ = submit_many_signed_in(browser)
    with browser.get(location + "/events", buffered=False) as response:
        lines = cast(Iterable[bytes], response.response)
        assert next(iter(lines)) == b"retry: 1000\n\n"
        if ending == "revoke":
            revoke(engine, key)
        else:
            token = shown(browser)["csrf_token"]
            assert browser.delete(SESSION, headers={"X-CSRF-Token": token}).status_code == 204
        assert b"done" not in b"".join(lines)


def test_a_key_that_is_sent_wins_over_the_cookie(browser: FlaskClient, engine: Engine) -> None:
    sign_in(browser, make_key(engine, "p"))
    location, _ = submit_many_signed_in(browser)
    other = bearer(make_key(engine, "q"))
    assert_problem(browser.get(location, headers=other), 404, "not_found")
    assert submit(browser, upload("a.png"), headers=other).status_code == 202, "a program's key needs no token"
    assert_problem(browser.get(location, headers=bearer("nonsense")), 401, "key_invalid")


def test_a_cookie_that_is_none_of_ours(browser: FlaskClient) -> None:
    for cookie in ("", "x", "x" * 3000, "ü"):
        browser.set_cookie(COOKIE, cookie)
        assert browser.get(BATCHES).status_code == 401
        assert not shown(browser)["signed_in"]
        assert browser.delete(SESSION).status_code == 204


def test_what_is_no_sign_in_is_refused(browser: FlaskClient) -> None:
    for body in (b"", b"no json", b"[]", b'{"key": 7}', b'{"key": null}', b'{"key": "k", "more": 1}'):
        answer = browser.post(SESSION, data=body, content_type="application/json")
        assert answer.status_code in {400, 422}, answer.text
        assert answer.content_type == "application/problem+json"


def test_a_long_body_is_refused_unread(client_with: Callable[..., FlaskClient]) -> None:
    browser = client_with(require_keys=True, max_json_bytes=300)
    problem = assert_problem(browser.post(SESSION, data=b" " * 301), 413, "limit_exceeded")
    assert (problem["limit"], problem["value"]) == ("max_json_bytes", 300)


def test_wrong_keys_are_told_and_bounded_by_address(client_with: Callable[..., FlaskClient], engine: Engine) -> None:
    browser = client_with(require_keys=True, max_sign_ins_per_minute=3)
    key = make_key(engine, "p")
    wrong = key[:-4] + "0000"
    for tried in (wrong, "nonsense", ""):
        assert_problem(sign_in(browser, tried), 401, "key_invalid")
    refused = sign_in(browser, key)
    problem = assert_problem(refused, 429, "too_many_sign_ins")
    assert (problem["limit"], problem["value"]) == ("max_sign_ins_per_minute", 3)
    assert 1 <= int(refused.headers["Retry-After"]) <= 20
    elsewhere = browser.post(SESSION, json={"key": key}, environ_overrides={"REMOTE_ADDR": "10.0.0.7"})
    assert elsewhere.status_code == 204
    with reading(engine) as session:
        (told,) = session.scalars(select(AuditEntry).where(AuditEntry.action == "login.refused")).all()
    assert (told.actor, told.subject) == ("nobody", key_id(key))


def test_without_keys_nobody_signs_in(client: FlaskClient) -> None:
    local = {"key_required": False, "signed_in": True, "project": "local", "csrf_token": None}
    assert shown(client) == {**local, "scopes": ["admin", "read", "submit"]}
    assert submit(client, upload("a.png")).status_code == 202
    through_a_proxy = client.get(SESSION, headers={"X-Forwarded-For": "10.0.0.7"}).get_json()
    assert (through_a_proxy["key_required"], through_a_proxy["signed_in"]) == (True, False)


def test_answers_to_browsers_are_not_taken_for_one_another(browser: FlaskClient) -> None:
    assert {"Authorization", "Cookie"} <= set(browser.get(SESSION).vary)
